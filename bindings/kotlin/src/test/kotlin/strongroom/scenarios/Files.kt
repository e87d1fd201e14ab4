package strongroom.scenarios

import java.nio.file.Files
import java.nio.file.LinkOption.NOFOLLOW_LINKS
import java.nio.file.Path
import java.nio.file.attribute.FileTime
import java.util.concurrent.TimeUnit
import kotlin.io.path.createDirectories
import kotlin.io.path.isDirectory
import kotlin.io.path.isRegularFile
import kotlin.io.path.isSymbolicLink
import kotlin.io.path.readBytes
import kotlin.io.path.writeBytes
import strongroom.RawName
import strongroom.bytesOf
import strongroom.pathOf

fun mode(path: Path): Int = Files.getAttribute(path, "unix:mode", NOFOLLOW_LINKS) as Int and 0xfff

fun write(folder: Path, entries: List<Fields>) {
    for (entry in entries) {
        val place = folder.inside(entry.raw("path"))
        place.parent.createDirectories()
        when (val kind = entry.textOr("kind", "file")) {
            "directory" -> place.createDirectories()
            "symlink" -> Files.createSymbolicLink(place, linkTarget(entry.raw("target")))
            "file" -> place.writeBytes(entry.content("content"))
            else -> throw Failed("no entry is a $kind")
        }
        entry.long("mode")?.let { Files.setAttribute(place, "unix:mode", it.toInt()) }
        entry.long("modified")?.let { Files.setLastModifiedTime(place, FileTime.from(it, TimeUnit.SECONDS)) }
    }
}

/** The target of a link, which may be relative and need not be text. */
private fun linkTarget(target: RawName): Path {
    val isAbsolute = target.bytes.first() == '/'.code.toByte()
    return if (isAbsolute) pathOf(target.bytes) else ROOT.relativize(pathOf("/".toByteArray() + target.bytes))
}

private val ROOT = Path.of("/")

fun remove(place: Path) {
    Files.walk(place).use { walk -> walk.sorted(Comparator.reverseOrder()).forEach(Files::delete) }
}

fun walk(folder: Path): List<Path> = Files.walk(folder).use { walk -> walk.filter { it != folder }.toList() }

/** Escaped paths, and what is there. */
fun tree(folder: Path): Map<String, List<Any>> =
    walk(folder).associate { place ->
        val what: List<Any> =
            when {
                place.isSymbolicLink() -> listOf("symlink", escape(bytesOf(ROOT.resolve(Files.readSymbolicLink(place)))))
                place.isDirectory() -> listOf("directory", mode(place))
                else -> {
                    val modified = Files.getLastModifiedTime(place).to(TimeUnit.SECONDS)
                    listOf("file", escape(place.readBytes()), mode(place), modified)
                }
            }
        place.escapedBelow(folder) to what
    }

fun files(folder: Path): Map<String, String> =
    walk(folder).filter { it.isRegularFile() }.associate { it.escapedBelow(folder) to escape(it.readBytes()) }

fun damaged(bytes: ByteArray, how: String): ByteArray? =
    when (how) {
        "flip" -> bytes.copyOf().also { it[it.size / 2] = (it[it.size / 2].toInt() xor 0xff).toByte() }
        "truncate" -> bytes.copyOf(bytes.size - 1)
        "delete" -> null
        else -> throw Failed("no damage is called $how")
    }

fun damageFirst(folder: Path, how: String) {
    val first = walk(folder).filter { it.isRegularFile() }.minBy { it.fileName.toString() }
    val bytes = damaged(first.readBytes(), how)
    Files.delete(first)
    bytes?.let(first::writeBytes)
}

fun copy(from: Path, to: Path) {
    to.createDirectories()
    for (place in walk(from)) {
        val target = pathOf(bytesOf(to) + bytesOf(place).drop(bytesOf(from).size))
        if (place.isDirectory()) target.createDirectories() else Files.copy(place, target)
    }
}
