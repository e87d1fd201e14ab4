package strongroom

import java.io.ByteArrayInputStream
import java.io.IOException
import java.io.InputStream
import java.io.OutputStream
import java.util.concurrent.atomic.AtomicInteger
import kotlin.concurrent.thread
import kotlin.time.Duration.Companion.days
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.async
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertSame
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** A typed error for everything an app gets wrong; never a crash, and the repository stays sound. */
class BadInputTest {
    private class Odd : RuntimeException("odd")

    @Test
    fun `what is closed says so, and can be closed again`() = runBlocking<Unit> {
        val repository = repository()
        val snapshot = repository.backup(Source.bytes("a", noise(10))).snapshot!!
        val file = repository.openFile(snapshot, "a")
        val listing = repository.list(snapshot)
        repeat(2) { file.close() }
        failing<StrongroomException.Closed> { file.read(0, 1) }
        failing<StrongroomException.Closed> { file.inputStream().read() }
        repeat(2) { repository.close() }
        assertTrue(repository.isClosed)
        failing<StrongroomException.Closed> { repository.snapshots() }
        failing<StrongroomException.Closed> { repository.id }
        failing<StrongroomException.Closed> { listing.toList() }
        val secret = secret()
        repeat(2) { secret.close() }
        failing<StrongroomException.Closed> { Repository.open(Backend.memory(), secret) }
    }

    @Test
    fun `strings and numbers that make no sense are refused`() = runBlocking<Unit> {
        repository().use { repository ->
            failing<StrongroomException.InvalidArgument> { repository.snapshot("\ud800") }
            failing<StrongroomException.InvalidArgument> { Secret.passphrase("half \udc00") }
            failing<StrongroomException.InvalidArgument> { Secret.passphrase(charArrayOf('\ud800')) }
            failing<StrongroomException.InvalidArgument> { RawName("\udfff") }
            failing<StrongroomException.InvalidArgument> { repository.backup(Source.bytes("a\u0000b", noise(1))) }
            failing<StrongroomException.InvalidArgument> { repository.entry("no id", "a") }
            failing<StrongroomException.InvalidArgument> { Run(Budget(threads = -1)) }
            failing<StrongroomException.InvalidArgument> { Run(Budget(deadline = (-1).days)) }
            failing<StrongroomException.InvalidArgument> { repository.addParity(300) }
            failing<StrongroomException.InvalidArgument> { Secret.accountKey(ByteArray(31)) }
            failing<StrongroomException.InvalidArgument> { Secret.recoveryCode("\u0000") }
            failing<StrongroomException.InvalidArgument> { repository.find("00".repeat(32), "[").toList() }
            failing<StrongroomException.Corrupt> { DeviceKey.import(noise(100)) }
            val snapshot = repository.backup(Source.bytes("a", noise(1000))).snapshot!!
            repository.openFile(snapshot, "a").use { file ->
                assertEquals(1000, file.read(0, Long.MAX_VALUE).size)
                failing<StrongroomException.InvalidArgument> { file.read(-1, 1) }
                failing<StrongroomException.InvalidArgument> { file.read(0, -1) }
                assertEquals(0, file.read(Long.MAX_VALUE, Long.MAX_VALUE).size)
            }
            failing<StrongroomException.NotFound> { repository.openFile(snapshot, "b") }
        }
    }

    @Test
    fun `what an app throws comes back as it was`() = runBlocking<Unit> {
        repository().use { repository ->
            val odd = Odd()
            val failing =
                object : InputStream() {
                    override fun read(): Int = throw odd
                }
            assertSame(odd, failing<Odd> { repository.backup(Source.stream("a", failing)) })
            assertSame(odd, failing<Odd> { repository.backup(Source.entries(sequence { throw odd })) })
            val run = Run { throw odd }
            assertSame(odd, failing<Odd> { repository.backup(Source.bytes("a", noise(9_000_000)), run = run) })
            val snapshot = repository.backup(Source.bytes("b", noise(10))).snapshot!!
            val writer =
                object : OutputStream() {
                    override fun write(byte: Int) = throw odd
                }
            assertSame(odd, failing<Odd> { repository.exportTar(snapshot, writer) })
            assertTrue(repository.check(CheckOptions(readData = 100.0)).isSound)
        }
    }

    @Test
    fun `an entry that cannot be read is a problem of its own, a stream that cannot is one of the backup`() =
        runBlocking<Unit> {
            repository().use { repository ->
                val entries =
                    listOf(
                        SourceEntry.file(RawName("bad")) { throw IOException("the card is gone") },
                        SourceEntry.file(RawName("good"), noise(10)),
                    )
                val report = repository.backup(Source.entries(entries))
                assertEquals(Outcome.PARTIAL, report.outcome)
                assertEquals("bad", report.problems.single().path.toString())
                val closed = ByteArrayInputStream(ByteArray(0)).let { java.io.BufferedInputStream(it).apply { close() } }
                val error = failing<StrongroomException.Io> { repository.backup(Source.stream("a", closed)) }
                assertTrue(error.cause is IOException)
            }
        }

    @Test
    fun `streams are used up by one backup`() = runBlocking<Unit> {
        repository().use { repository ->
            val source = Source.stream("a", ByteArrayInputStream(noise(10)))
            repository.backup(source)
            failing<StrongroomException.InvalidArgument> { repository.backup(source) }
            val bytes = Source.bytes("a", noise(10))
            repeat(2) { assertEquals(1, repository.backup(bytes).files) }
        }
    }

    @Test
    fun `storage that lies, throws or says nonsense is an error`() = runBlocking<Unit> {
        val storage = Dictionary()
        val secret = secret()
        repository(Backend.of(storage)).close()
        val odd = Odd()
        class Broken(val answer: (ByteArray) -> ByteArray) : Storage by storage {
            override suspend fun read(name: String, offset: Long, length: Long) =
                answer(storage.read(name, offset, length))

            override val location: String
                get() = throw odd
        }
        failing<StrongroomException.Corrupt> { Repository.open(Backend.of(Broken { it.copyOf(it.size + 1) }), secret) }
        assertSame(odd, failing<Odd> { Repository.open(Backend.of(Broken { throw odd }), secret) })
        val full = StrongroomException.StorageFull("no room left")
        val error = failing<StrongroomException.StorageFull> { Repository.open(Backend.of(Broken { throw full }), secret) }
        assertSame(full, error.cause)
        Repository.open(Backend.of(storage), secret).use { assertTrue(it.check().isSound) }
    }

    @Test
    fun `callbacks may use the library, block, and come from many threads`() = runBlocking<Unit> {
        val inner = repository()
        repository().use { repository ->
            val reentrant =
                object : InputStream() {
                    private var left = 3

                    override fun read() = throw UnsupportedOperationException()

                    override fun read(buffer: ByteArray, offset: Int, length: Int): Int {
                        if (left == 0) return -1
                        left -= 1
                        runBlocking {
                            repository.snapshots()
                            inner.backup(Source.bytes("inside", noise(10)))
                        }
                        return 1
                    }
                }
            val slow = Run { Thread.sleep(500) }
            val report = repository.backup(Source.stream("a", reentrant), run = slow)
            assertEquals(3, report.bytes)
            assertEquals(3, inner.snapshots().snapshots.size)
            val backups =
                withContext(Dispatchers.Default) {
                    (1..16).map { async { repository.backup(Source.bytes("f$it", noise(1000 * it))) } }.awaitAll()
                }
            assertEquals(17, repository.snapshots().snapshots.size)
            val failures = AtomicInteger()
            val readers =
                (1..8).map { number ->
                    thread {
                        runBlocking {
                            repeat(50) {
                                val snapshot = backups[(number + it) % 16].snapshot!!
                                repository.list(snapshot).toList().singleOrNull() ?: failures.incrementAndGet()
                            }
                        }
                    }
                }
            readers.forEach { it.join() }
            assertEquals(0, failures.get())
            assertTrue(repository.check(CheckOptions(readData = 100.0)).isSound)
        }
    }

    @Test
    fun `errors have the numbers that every language has`() {
        val error = failing<StrongroomException.NotFound> { Repository.open(Backend.memory(), secret()) }
        assertEquals(ErrorKind.NOT_FOUND, error.kind)
        assertEquals(2, error.code)
        assertTrue(error.operation.isNotEmpty() && error.message!!.contains(error.operation))
    }
}
