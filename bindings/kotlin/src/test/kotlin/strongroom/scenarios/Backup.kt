package strongroom.scenarios

import java.io.InputStream
import java.time.Instant
import kotlin.time.Duration.Companion.milliseconds
import strongroom.*

/** What a stream or iterator of the runner throws; it has to come back as it was. */
class Raised : RuntimeException("the runner threw")

/** Counts the calls into the runner's streams and iterators, and acts before one of them. */
private class Stop(private val how: String, private val after: Long, private val run: Run) {
    private var calls = 0L

    @Synchronized
    fun call() {
        calls += 1
        if (calls != after) return
        when (how) {
            "cancel" -> run.cancel()
            "suspend" -> run.requestSuspend()
            "fail" -> throw Raised()
            else -> throw Failed("nothing stops by $how")
        }
    }

    fun stream(bytes: ByteArray, piece: Int): InputStream =
        object : InputStream() {
            private var at = 0

            override fun read(): Int = throw UnsupportedOperationException("nobody reads single bytes")

            override fun read(buffer: ByteArray, offset: Int, length: Int): Int {
                call()
                val count = minOf(length, piece, bytes.size - at)
                if (count == 0) return -1
                bytes.copyInto(buffer, offset, at, at + count)
                at += count
                return count
            }
        }
}

internal suspend fun World.backup(repository: Repository, step: Fields): Map<String, Any?> {
    val options = step.fields("options")
    val parent =
        when (val parent = options.textOr("parent", "newest")) {
            "newest" -> Parent.Newest
            "none" -> Parent.Nothing
            else -> Parent.Snapshot(snapshots.getValue(parent))
        }
    val backup =
        BackupOptions(
            host = options.textOr("host", ""),
            description = options.textOr("description", ""),
            tags = options.texts("tags"),
            parent = parent,
            skipIfUnchanged = options.flag("skip_if_unchanged"),
        )
    val bounds = step.fields("budget")
    val budget =
        Budget(threads = bounds.long("threads")?.toInt(), deadline = bounds.long("deadline_ms")?.milliseconds)
    val run = Run(budget)
    val stop = step.fields("stop").let { Stop(it.textOr("how", ""), it.long("after") ?: 0, run) }
    val name = step.textOr("as", "")
    val makesNone = step.flag("makes_none")
    val report = repository.backup(source(step.fields("source"), stop), backup, run)
    expect("whether there is no snapshot", report.snapshot == null, makesNone)
    report.snapshot?.let { snapshots[name] = it }
    return mapOf(
        "outcome" to World.name(report.outcome),
        "entries" to report.entries,
        "files" to report.files,
        "directories" to report.directories,
        "bytes" to report.bytes,
        "unchanged" to report.unchanged,
        "new_bytes" to report.newBytes,
        "problem_count" to report.problemCount,
    )
}

private fun World.source(value: Fields, stop: Stop): Source =
    when (val kind = value.text("kind")) {
        "files" -> Source.files(FilesOptions(listOf(place(value.text("folder"))), exclude = value.texts("exclude")))
        "bytes" -> Source.bytes(value.raw("path"), value.content("content"))
        "reader" -> Source.stream(value.raw("path"), stop.stream(value.content("content"), value.long("piece")!!.toInt()))
        "tar" -> Source.tar(stop.stream(streams.getValue(value.text("of")), 10_000))
        "entries" -> {
            val made = value.list("entries").map { entry(it, stop) }.iterator()
            val entries =
                object : Iterator<SourceEntry> {
                    // The runner counts a call for the end as well.
                    override fun hasNext(): Boolean {
                        stop.call()
                        return made.hasNext()
                    }

                    override fun next(): SourceEntry = made.next()
                }
            val names = value.texts("known_as").map { RawName(unescape(it)) }
            Source.entries(entries, value.flag("sorted")).knownAs(names)
        }
        else -> throw Failed("no source is a $kind")
    }

private fun entry(value: Fields, stop: Stop): SourceEntry {
    val path = value.raw("path")
    val attributes = value.fields("xattrs")
    val metadata =
        EntryMetadata(
            mode = value.long("mode")?.toInt(),
            modified = value.long("modified")?.let(Instant::ofEpochSecond),
            xattrs = attributes.keys().map { Xattr(RawName(it), unescape(attributes.text(it))) },
        )
    return when (val kind = value.textOr("kind", "file")) {
        "file" -> {
            val content = value.content("content")
            SourceEntry.file(path, metadata = metadata) { stop.stream(content, 1000) }
        }
        "directory" -> SourceEntry.directory(path, metadata)
        "symlink" -> SourceEntry.symlink(path, value.raw("target"), metadata)
        else -> throw Failed("no entry is a $kind")
    }
}
