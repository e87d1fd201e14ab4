package strongroom

import java.net.URI
import java.nio.file.Path
import java.time.DateTimeException
import java.time.Instant
import kotlin.time.Duration
import kotlin.time.Duration.Companion.nanoseconds

/**
 * A name or path that need not be text: paths in a snapshot, targets of links, names of attributes. File systems allow
 * any bytes in names, and every one of them comes back as it was.
 */
public class RawName(bytes: ByteArray) : Comparable<RawName> {
    private val value = bytes.copyOf()

    /** A name that is text. A lone surrogate, which is none, is a [StrongroomException.InvalidArgument]. */
    public constructor(text: String) : this(utf8(text))

    /** The bytes. */
    public val bytes: ByteArray
        get() = value.copyOf()

    /** Whether it is text, which [toString] gives without loss. */
    public val isText: Boolean
        get() = value.toString(Charsets.UTF_8).toByteArray().contentEquals(value)

    /** For people: what is no text is replaced, so it may not lead back to the name. */
    override fun toString(): String = value.toString(Charsets.UTF_8)

    override fun equals(other: Any?): Boolean = other is RawName && other.value.contentEquals(value)

    override fun hashCode(): Int = value.contentHashCode()

    /** By bytes, as snapshots are sorted where no folders are involved. */
    override fun compareTo(other: RawName): Int = java.util.Arrays.compareUnsigned(value, other.value)
}

internal fun utf8(text: String): ByteArray = call { FfiConverterString.toUtf8(text).let { buffer -> ByteArray(buffer.remaining()).also(buffer::get) } }

private const val ESCAPED = '%'

/** The bytes of a path. Its text may have lost some of them, depending on the locale; its URI has not. */
internal fun bytesOf(path: Path): ByteArray {
    val escaped = path.toUri().rawPath
    val bytes = java.io.ByteArrayOutputStream(escaped.length)
    var at = 0
    while (at < escaped.length) {
        if (escaped[at] == ESCAPED) {
            bytes.write(escaped.substring(at + 1, at + 3).toInt(16))
            at += 3
        } else {
            bytes.write(escaped[at].code)
            at += 1
        }
    }
    val found = bytes.toByteArray()
    // The URI of a folder that exists ends in a slash.
    return if (found.size > 1 && found.last() == '/'.code.toByte()) found.copyOf(found.size - 1) else found
}

/** The path of some bytes; the opposite of [bytesOf]. */
internal fun pathOf(bytes: ByteArray): Path {
    val escaped = StringBuilder("file://")
    for (byte in bytes) {
        val letter = byte.toInt().toChar()
        if (letter == '/' || letter in 'a'..'z' || letter in 'A'..'Z' || letter in '0'..'9') {
            escaped.append(letter)
        } else {
            escaped.append("%%%02X".format(byte))
        }
    }
    return Path.of(URI(escaped.toString()))
}

/** What lies beyond the times this platform knows is the last it knows. */
internal fun instantOf(parts: TimeParts): Instant =
    try {
        Instant.ofEpochSecond(parts.seconds, parts.nanos.toLong())
    } catch (_: DateTimeException) {
        if (parts.seconds < 0) Instant.MIN else Instant.MAX
    }

internal fun partsOf(instant: Instant): TimeParts = TimeParts(instant.epochSecond, instant.nano)

internal fun durationOf(nanoseconds: Long): Duration = nanoseconds.nanoseconds
