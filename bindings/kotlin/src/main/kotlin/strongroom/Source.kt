package strongroom

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.channels.ReceiveChannel
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.produceIn
import kotlinx.coroutines.runBlocking
import java.io.InputStream
import java.nio.file.Path
import java.time.Instant

/** What to back up. Files and bytes can be backed up again; streams and entries are used up by one backup. */
public class Source
private constructor(
    private val names: List<RawName>?,
    private val reusable: Boolean,
    private val finish: () -> Unit = {},
    private val make: (List<RawName>?) -> SourceHandle,
) {
    private val once by lazy { make(names) }

    internal fun handle(): SourceHandle = call { if (reusable) make(names) else once }

    internal fun finished() = finish()

    /** Sets the paths, or any names, by which snapshots of the same thing are known to belong together. */
    public fun knownAs(names: List<RawName>): Source = Source(names, reusable, finish, make)

    public companion object {
        /** Files and folders. A single folder stands at the snapshot's root. */
        public fun files(vararg paths: Path): Source = files(FilesOptions(paths.toList()))

        /** Files and folders, with exclusions. */
        public fun files(options: FilesOptions): Source = Source(null, true) { SourceHandle.files(options, it) }

        /** One file with these bytes. */
        public fun bytes(path: RawName, bytes: ByteArray, options: StreamOptions = StreamOptions()): Source =
            Source(null, true) { SourceHandle.bytes(path, bytes, options, it) }

        /** One file with these bytes. */
        public fun bytes(path: String, bytes: ByteArray, options: StreamOptions = StreamOptions()): Source =
            bytes(RawName(path), bytes, options)

        /** One file with what a stream gives, which is closed at the end. When the stream fails, so does the backup. */
        public fun stream(path: RawName, stream: InputStream, options: StreamOptions = StreamOptions()): Source =
            Source(null, false) { SourceHandle.reader(path, Reader { stream }, options, it) }

        /** One file with what a stream gives, as above. */
        public fun stream(path: String, stream: InputStream, options: StreamOptions = StreamOptions()): Source =
            stream(RawName(path), stream, options)

        /** What a tar stream holds. The stream is closed at the end. */
        public fun tar(stream: InputStream): Source = Source(null, false) { SourceHandle.tar(Reader { stream }, it) }

        /**
         * The app's own entries. [sorted] promises ascending order of their paths, each once. When getting an entry fails, so
         * does the backup; an [java.io.IOException] while one's content is read is a problem of that entry alone.
         */
        public fun entries(entries: Iterator<SourceEntry>, sorted: Boolean = false): Source =
            Source(null, false) {
                SourceHandle.entries(Entries { if (entries.hasNext()) entries.next() else null }, sorted, it)
            }

        /** The app's own entries, as above. */
        public fun entries(entries: Iterable<SourceEntry>, sorted: Boolean = false): Source =
            entries(entries.iterator(), sorted)

        /** The app's own entries, as above. */
        public fun entries(entries: Sequence<SourceEntry>, sorted: Boolean = false): Source =
            entries(entries.iterator(), sorted)

        /** The app's own entries, as above. The flow is collected while the backup runs. */
        public fun entries(entries: Flow<SourceEntry>, sorted: Boolean = false): Source {
            val job = Job()
            val channel: ReceiveChannel<SourceEntry> by lazy { entries.produceIn(CoroutineScope(Dispatchers.IO + job)) }
            val next = { runBlocking { channel.receiveCatching().also { it.exceptionOrNull()?.let { error -> throw error } }.getOrNull() } }
            return Source(null, false, { job.cancel() }) { SourceHandle.entries(Entries(next), sorted, it) }
        }
    }

    private class Entries(private val next: () -> SourceEntry?) : ForeignEntries {
        override fun nextEntry(): ForeignEntry? = foreign { next()?.toForeign() }
    }

    /** A stream that is opened when the first byte of it is wanted. */
    internal class Reader(private val open: () -> InputStream) : ForeignReader {
        private var stream: InputStream? = null

        override fun read(most: Int): ByteArray = foreign {
            val from = stream ?: open().also { stream = it }
            val buffer = ByteArray(most)
            when (val count = from.read(buffer)) {
                -1 -> ByteArray(0)
                // Streams are not to give nothing before their end; one byte they have to wait for.
                0 -> from.read().let { if (it < 0) ByteArray(0) else byteArrayOf(it.toByte()) }
                most -> buffer
                else -> buffer.copyOf(count)
            }
        }

        override fun finish() {
            runCatching { stream?.close() }
        }
    }
}

/** An entry that an app gives. What is left out is left to the library. */
public class SourceEntry
private constructor(
    private val path: RawName,
    private val kind: EntryKind,
    private val bytes: ByteArray? = null,
    private val open: (() -> InputStream)? = null,
    private val size: Long? = null,
    private val target: RawName? = null,
    private val hardLinkTo: RawName? = null,
    private val device: Pair<Long, Long>? = null,
    private val problem: ForeignProblem? = null,
    private val metadata: EntryMetadata = EntryMetadata(),
) {
    internal fun toForeign() =
        ForeignEntry(
            path = path,
            kind = kind,
            bytes = bytes,
            reader = open?.let { Source.Reader(it) },
            size = size,
            target = target,
            hardLinkTo = hardLinkTo,
            deviceMajor = device?.first ?: 0,
            deviceMinor = device?.second ?: 0,
            mode = metadata.mode,
            uid = metadata.uid,
            gid = metadata.gid,
            modified = metadata.modified,
            changed = metadata.changed,
            xattrs = metadata.xattrs,
            problem = problem,
        )

    public companion object {
        /** A file with these bytes. */
        public fun file(path: RawName, bytes: ByteArray, metadata: EntryMetadata = EntryMetadata()): SourceEntry =
            SourceEntry(path, EntryKind.FILE, bytes = bytes, metadata = metadata)

        /** A file with what a stream gives, which is opened when it is wanted, and closed. [size] is its length, if known. */
        public fun file(
            path: RawName,
            size: Long? = null,
            metadata: EntryMetadata = EntryMetadata(),
            open: () -> InputStream,
        ): SourceEntry = SourceEntry(path, EntryKind.FILE, open = open, size = size, metadata = metadata)

        /** A folder. */
        public fun directory(path: RawName, metadata: EntryMetadata = EntryMetadata()): SourceEntry =
            SourceEntry(path, EntryKind.DIRECTORY, metadata = metadata)

        /** A symbolic link. */
        public fun symlink(path: RawName, target: RawName, metadata: EntryMetadata = EntryMetadata()): SourceEntry =
            SourceEntry(path, EntryKind.SYMLINK, target = target, metadata = metadata)

        /** One more name of the file that another entry stands for. */
        public fun hardLink(path: RawName, to: RawName): SourceEntry =
            SourceEntry(path, EntryKind.FILE, hardLinkTo = to)

        /** A pipe, socket or device. */
        public fun special(
            path: RawName,
            kind: EntryKind,
            major: Long = 0,
            minor: Long = 0,
            metadata: EntryMetadata = EntryMetadata(),
        ): SourceEntry = SourceEntry(path, kind, device = Pair(major, minor), metadata = metadata)

        /** Something that belongs to the backup and cannot be read; the report names it. */
        public fun problem(path: RawName, reason: ProblemReason, detail: String): SourceEntry =
            SourceEntry(path, EntryKind.FILE, problem = ForeignProblem(reason, detail))
    }
}

/**
 * What is known of an entry beside its content.
 *
 * @param mode permission bits
 * @param uid user id; counts together with [gid]
 * @param modified last change of content
 * @param changed last change of anything; with it and a size, a later backup sees without reading that a file is unchanged
 */
public data class EntryMetadata(
    val mode: Int? = null,
    val uid: Long? = null,
    val gid: Long? = null,
    val modified: Instant? = null,
    val changed: Instant? = null,
    val xattrs: List<Xattr> = emptyList(),
)
