package strongroom.scenarios

import com.google.gson.JsonParser
import java.nio.file.Files
import java.nio.file.Path
import kotlin.io.path.extension
import kotlin.io.path.listDirectoryEntries
import kotlin.io.path.nameWithoutExtension
import kotlin.io.path.readText
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.TestFactory

/** Plays the scenarios of docs/scenarios, which every binding plays. */
class ScenarioTest {
    @TestFactory
    fun scenarios(): List<DynamicTest> {
        val root = Path.of(System.getProperty("strongroom.root")).toRealPath()
        // Other ones, when languages are held against each other.
        val scenarios = System.getenv("STRONGROOM_SCENARIOS")?.let(Path::of) ?: root.resolve("docs/scenarios")
        val files = scenarios.listDirectoryEntries().filter { it.extension == "json" }.sorted()
        assertTrue(files.isNotEmpty())
        return files.map { file -> DynamicTest.dynamicTest(file.nameWithoutExtension) { play(root, file) } }
    }

    private fun play(root: Path, file: Path) = runBlocking {
        val scenario = JsonParser.parseString(file.readText()).asJsonObject
        val folder = Files.createTempDirectory("strongroom-scenario")
        val world = World(root, file.parent, folder)
        try {
            scenario["steps"].asJsonArray.forEachIndexed { number, json ->
                try {
                    world.step(Fields(json.asJsonObject, "the step"))
                } catch (error: Throwable) {
                    throw AssertionError("step ${number + 1}: $json: ${error.message}", error)
                }
            }
        } finally {
            world.close()
            remove(folder)
        }
    }
}
