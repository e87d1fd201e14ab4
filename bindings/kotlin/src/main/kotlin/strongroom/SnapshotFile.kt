package strongroom

import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import java.io.InputStream
import java.nio.ByteBuffer
import java.nio.channels.ClosedChannelException
import java.nio.channels.NonWritableChannelException
import java.nio.channels.SeekableByteChannel

/** A file of a snapshot, read at any place. Every byte is verified. */
public class SnapshotFile
internal constructor(
    private val handle: SnapshotFileHandle,
    private val run: RunHandle,
    private val dispatcher: CoroutineDispatcher,
) : AutoCloseable {
    /** The entry that is read. */
    public val entry: Entry = handle.entry()

    /** Length of the file. */
    public val size: Long
        get() = entry.size

    /** The bytes from [offset] on, at most [length] and as far as the file goes. */
    public suspend fun read(offset: Long, length: Long): ByteArray =
        operate(dispatcher, run) { handle.readRange(offset, length) }

    /** The content in pieces. */
    public fun pieces(pieceSize: Int = 1 shl 20): Flow<ByteArray> = flow {
        require(pieceSize > 0) { "pieces have to have a size" }
        var at = 0L
        while (true) {
            val piece = read(at, pieceSize.toLong())
            if (piece.isEmpty()) break
            emit(piece)
            at += piece.size
        }
    }

    /** The content as a stream, whose calls block. Closing it leaves the file open. */
    public fun inputStream(): InputStream = Stream()

    /** The content as a channel, whose calls block. Closing it leaves the file open. */
    public fun channel(): SeekableByteChannel = Channel()

    override fun close(): Unit = handle.shutdown()

    private fun blocking(offset: Long, length: Int) = call { handle.readRange(offset, length.toLong()) }

    private inner class Stream : InputStream() {
        private var at = 0L
        private var mark = 0L

        override fun read(): Int {
            val one = ByteArray(1)
            return if (read(one, 0, 1) < 0) -1 else one[0].toInt() and 0xff
        }

        override fun read(buffer: ByteArray, offset: Int, length: Int): Int {
            java.util.Objects.checkFromIndexSize(offset, length, buffer.size)
            if (length == 0) return 0
            val bytes = blocking(at, length)
            bytes.copyInto(buffer, offset)
            at += bytes.size
            return if (bytes.isEmpty()) -1 else bytes.size
        }

        override fun skip(count: Long): Long {
            val skipped = count.coerceIn(0, (size - at).coerceAtLeast(0))
            at += skipped
            return skipped
        }

        override fun available(): Int = (size - at).coerceIn(0, Int.MAX_VALUE.toLong()).toInt()

        override fun markSupported(): Boolean = true

        override fun mark(limit: Int) {
            mark = at
        }

        override fun reset() {
            at = mark
        }
    }

    private inner class Channel : SeekableByteChannel {
        private var at = 0L
        private var open = true

        private fun check() {
            if (!open) throw ClosedChannelException()
        }

        @Synchronized
        override fun read(buffer: ByteBuffer): Int {
            check()
            if (!buffer.hasRemaining()) return 0
            val bytes = blocking(at, buffer.remaining())
            buffer.put(bytes)
            at += bytes.size
            return if (bytes.isEmpty()) -1 else bytes.size
        }

        @Synchronized
        override fun position(): Long {
            check()
            return at
        }

        @Synchronized
        override fun position(position: Long): SeekableByteChannel {
            check()
            require(position >= 0) { "positions are not negative" }
            at = position
            return this
        }

        override fun size(): Long {
            check()
            return this@SnapshotFile.size
        }

        override fun write(buffer: ByteBuffer): Int = throw NonWritableChannelException()

        override fun truncate(size: Long): SeekableByteChannel = throw NonWritableChannelException()

        override fun isOpen(): Boolean = open

        override fun close() {
            open = false
        }
    }
}
