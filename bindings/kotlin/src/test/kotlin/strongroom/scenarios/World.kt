package strongroom.scenarios

import com.google.gson.JsonParser
import java.io.ByteArrayOutputStream
import java.nio.file.Path
import java.time.Instant
import java.time.temporal.ChronoUnit
import kotlin.io.path.readText
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.flow.toList
import strongroom.*

/** Everything in a scenario that has a name, and the steps. */
class World(private val root: Path, private val scenarios: Path, internal val folder: Path) {
    private class Place(val backend: Backend, val folder: Path? = null, val dictionary: Dictionary? = null)

    private val backends = HashMap<String, Place>()
    private val repositories = HashMap<String, Repository>()
    internal val snapshots = HashMap<String, String>()
    private val codes = HashMap<String, String>()
    private val devices = HashMap<String, DeviceKey>()
    internal val streams = HashMap<String, ByteArray>()

    suspend fun step(step: Fields) {
        val fails = if (step.has("fails")) step.text("fails") else null
        val report =
            try {
                play(step)
            } catch (error: StrongroomException) {
                if (fails == error.kind.name.lowercase()) return
                throw Failed("${error.kind}: ${error.stackTraceToString()}")
            } catch (_: Raised) {
                // The app's own exception, as it was thrown; its kind is `callback`.
                if (fails == "callback") return
                throw Failed("the app's own exception came back")
            }
        if (fails != null) throw Failed("$fails was expected, and it succeeded")
        val wanted = step.fields("expect")
        for (key in wanted.keys()) {
            val value = wanted.get(key)!!.asJsonPrimitive
            if (key !in report) throw Failed("nothing is known of $key")
            val found = report[key]
            val same =
                when {
                    value.isBoolean -> found == value.asBoolean
                    value.isNumber -> (found as? Number)?.toLong() == value.asLong
                    else -> found == value.asString
                }
            if (!same) throw Failed("$key: found $found, expected $value")
        }
        step.allRead()
    }

    internal fun place(name: String): Path = folder.resolve(name)

    private fun repo(step: Fields) = repositories.getValue(step.text("repository"))

    private fun snapshot(step: Fields, key: String = "snapshot") = snapshots.getValue(step.text(key))

    private suspend fun play(step: Fields): Map<String, Any?> {
        var report: Map<String, Any?> = emptyMap()
        when (val what = step.text("do")) {
            "backend" -> backend(step)
            "create" -> create(step)
            "open" -> open(step)
            "open_vector" -> openVector(step)
            "vector_holds" -> vectorHolds(step)
            "close" -> repeat(2) { repo(step).close() }
            "info" -> report = mapOf("role" to name(repo(step).role), "id" to repo(step).id)
            "wait" -> delay(step.long("milliseconds")!!)
            "write" -> write(place(step.text("folder")), step.list("entries"))
            "remove" -> remove(place(step.text("folder")).inside(step.raw("path")))
            "compare" -> expect("the folder", tree(place(step.text("with"))), tree(place(step.text("folder"))))
            "holds" -> {
                val wanted = step.list("entries").associate { it.text("path") to escape(it.content("content")) }
                expect("the files", files(place(step.text("folder"))), wanted)
            }
            "corrupt" -> corrupt(step)
            "backup" -> report = backup(repo(step), step)
            "snapshots" -> listSnapshots(step)
            "snapshot" -> {
                val digits = step.long("first_digits")
                val spec = if (digits == null) step.text("spec") else snapshot(step, "spec").take(digits.toInt())
                val found = repo(step).snapshot(spec)
                when {
                    step.has("as") -> snapshots[step.text("as")] = found.id
                    !step.has("fails") -> expect("the snapshot", found.id, snapshot(step, "is"))
                }
            }
            "list" -> paths(repo(step).list(snapshot(step), step.raw("path"), step.flag("recursive")), step)
            "find" -> paths(repo(step).find(snapshot(step), step.text("glob"), step.flag("any_case")), step)
            "entry" -> report = described(repo(step).entry(snapshot(step), step.raw("path")))
            "diff" -> {
                val found = repo(step).diff(snapshot(step, "before"), snapshot(step, "after"))
                val changes = found.map { listOf(name(it.change), escape(it.path.bytes)) }.toList()
                val wanted = step.get("changes")!!.asJsonArray.map { it.asJsonArray.map { text -> text.asString } }
                expect("the changes", changes, wanted)
            }
            "stats" -> {
                val stats = repo(step).stats()
                report = mapOf("raw_bytes" to stats.rawBytes, "unreadable_nodes" to stats.unreadableNodes)
            }
            "read" -> read(step)
            "restore" -> report = restore(step)
            "export_tar" -> {
                val out = ByteArrayOutputStream()
                repo(step).exportTar(snapshot(step), out)
                expect("a whole number of blocks", out.size() % 512, 0)
                expect("enough bytes", out.size() >= (step.long("at_least") ?: 0), true)
                if (step.has("as")) streams[step.text("as")] = out.toByteArray()
            }
            "tag" -> {
                val tags = repo(step).tag(snapshot(step), step.texts("add"), step.texts("remove"))
                expect("the tags", tags, step.texts("tags"))
            }
            "hold" -> {
                val until = Instant.now().truncatedTo(ChronoUnit.SECONDS).plus(1, ChronoUnit.DAYS)
                expect("the hold", repo(step).hold(snapshot(step), until), until)
            }
            "release" -> repo(step).release(snapshot(step))
            "forget" -> report = forget(step)
            "prune" -> report = mapOf("outcome" to name(repo(step).prune().outcome))
            "rebuild_index" -> report = mapOf("outcome" to name(repo(step).rebuildIndex().outcome))
            "check" -> {
                val found = repo(step).check(CheckOptions(readData = step.get("read_data")?.asDouble))
                val kinds = found.problems.map { name(it.kind) }
                expect("soundness with $kinds", found.isSound, step.flag("sound"))
                expect("the kinds that are not found", step.texts("kinds") - kinds.toSet(), emptyList())
            }
            "repair" -> {
                val found = repo(step).repair()
                expect("soundness", found.wasSound, step.flag("sound"))
                if (step.has("salvaged")) snapshots[step.text("salvaged")] = found.salvaged.firstNotNullOf { it.salvaged }
            }
            "copy" -> {
                val found = repo(step).copyTo(step.texts("to").map(repositories::getValue))
                val first = found.destinations.first()
                step.long("copied")?.let { expect("copied", first.copied.size.toLong(), it) }
                step.long("present")?.let { expect("present", first.present, it) }
                report = mapOf("outcome" to name(found.outcome), "snapshots" to found.snapshots)
            }
            else -> report = keys(what, step)
        }
        return report
    }

    private suspend fun keys(what: String, step: Fields): Map<String, Any?> {
        var report: Map<String, Any?> = emptyMap()
        when (what) {
            "keys" -> expect("the methods", repo(step).keys().map { name(it.method) }.sorted(), step.texts("methods"))
            "add_key" -> repo(step).addKey(secret(step.fields("secret")), role(step), step.textOr("label", ""), CHEAP)
            "add_recovery_code" -> codes[step.text("as")] = repo(step).addRecoveryCode(role(step), "on paper").code
            "remove_key" -> {
                val label = step.text("label")
                repo(step).removeKey(repo(step).keys().first { it.label == label }.id)
            }
            "change_passphrase" -> repo(step).changePassphrase(Secret.passphrase(step.text("passphrase")), CHEAP)
            "device_key" -> devices[step.text("as")] = DeviceKey.import(DeviceKey.generate().export())
            "add_device" -> {
                val key = devices.getValue(step.text("device"))
                val request = key.request(step.text("name"))
                expect("the name", readDeviceRequest(request).name, step.text("name"))
                expect("the id", repo(step).addDevice(request, role(step)), key.id)
            }
            "revoke_device" -> repo(step).revokeDevice(devices.getValue(step.text("device")).id)
            "devices" -> {
                val names = repo(step).devices().filter { it.hasKey && it.revoked == null }.map { it.name }
                expect("the devices", names.sorted(), step.texts("names"))
            }
            "rotate" -> report = mapOf("epoch" to repo(step).rotate().epoch)
            "reencrypt" -> {
                val found = repo(step).reencrypt()
                report = mapOf("outcome" to name(found.outcome), "epoch" to found.epoch)
            }
            "epoch" -> expect("the epoch", repo(step).epoch(), step.long("is")!!)
            "add_parity" -> {
                val found = repo(step).addParity(step.long("percent")!!.toInt())
                report = mapOf("outcome" to name(found.outcome))
            }
            else -> throw Failed("no step is called $what")
        }
        return report
    }

    private fun role(step: Fields) = Role.valueOf(step.text("role").uppercase())

    private fun backend(step: Fields) {
        val name = step.text("as")
        backends[name] =
            when (val kind = step.text("kind")) {
                "local" -> {
                    val new = place("storage of $name")
                    val folder = if (step.has("folder")) scenarios.resolve(step.text("folder")) else new
                    Place(Backend.local(folder, sync = false), folder = folder)
                }
                "memory" -> Place(Backend.memory())
                "host" -> Dictionary().let { Place(Backend.of(it), dictionary = it) }
                else -> throw Failed("no storage is a $kind")
            }
    }

    private fun secret(value: Fields): Secret =
        when {
            value.has("passphrase") -> Secret.passphrase(value.text("passphrase"))
            value.has("recovery_code") -> Secret.recoveryCode(value.text("recovery_code"))
            value.has("account_key") -> Secret.accountKey(unhex(value.text("account_key")))
            value.has("code") -> Secret.recoveryCode(codes.getValue(value.text("code")))
            else -> Secret.device(devices.getValue(value.text("device")))
        }

    private suspend fun create(step: Fields) {
        val options = step.fields("options")
        val create =
            CreateOptions(
                cost = CHEAP,
                parity = options.long("parity")?.toInt(),
                packSize = options.long("pack_size")?.toInt(),
            )
        val place = backends.getValue(step.text("backend"))
        repositories[step.text("as")] = Repository.create(place.backend, secret(step.fields("secret")), create)
    }

    private suspend fun open(step: Fields) {
        val name = step.text("as")
        var secret = secret(step.fields("secret"))
        if (step.has("owner_of")) {
            secret = secret.expectOwner(repositories.getValue(step.text("owner_of")).ownerKey)
        }
        repositories[name] = Repository.open(backends.getValue(step.text("backend")).backend, secret)
    }

    private fun vector(step: Fields): Pair<Path, Fields> {
        val vector = root.resolve("docs/vectors/repositories").resolve(step.text("vector"))
        val text = vector.resolve("expected.json").readText()
        return Pair(vector, Fields(JsonParser.parseString(text).asJsonObject, "the vector"))
    }

    private suspend fun openVector(step: Fields) {
        val (vector, expected) = vector(step)
        val name = step.text("as")
        val target = place("vector $name")
        copy(vector.resolve("repository"), target)
        val secret = expected.list("secrets")[step.long("secret")!!.toInt()]
        val value = secret.text("value")
        val opens =
            when (val method = secret.text("method")) {
                "passphrase" -> Secret.passphrase(value)
                "recovery_code" -> Secret.recoveryCode(value)
                "account_key" -> Secret.accountKey(unhex(value))
                "device" -> Secret.device(DeviceKey.import(unhex(value)))
                else -> throw Failed("nothing is opened by $method")
            }
        val place = Place(Backend.local(target, sync = false), folder = target)
        val repository = Repository.open(place.backend, opens)
        expect("the role", name(repository.role), secret.text("role"))
        backends[name] = place
        repositories[name] = repository
    }

    private suspend fun vectorHolds(step: Fields) {
        val (_, expected) = vector(step)
        for (snapshot in expected.list("snapshots")) {
            val id = snapshot.text("id")
            for (entry in snapshot.list("entries")) {
                val found = repo(step).entry(id, entry.raw("path"))
                expect("the kind", name(found.kind), entry.text("kind"))
                expect("the mode", found.mode.toLong(), entry.long("mode"))
                expect("the size", found.size, entry.long("size") ?: 0)
                expect("the target", found.target, if (entry.has("target")) entry.raw("target") else null)
                val hasHoles = entry.has("holes") && entry.get("holes")!!.asJsonArray.size() > 0
                if (entry.has("data") && !hasHoles) {
                    val bytes = repo(step).openFile(id, entry.raw("path")).use { it.read(0, it.size) }
                    expect("the bytes", escape(bytes), entry.text("data"))
                }
            }
        }
    }

    private fun corrupt(step: Fields) {
        val place = backends.getValue(step.text("backend"))
        val (folder, how) = Pair(step.text("folder"), step.text("how"))
        if (place.folder != null) return damageFirst(place.folder.resolve(folder), how)
        val objects = place.dictionary!!.objects
        val first = objects.ceilingKey("$folder/")
        damaged(objects.getValue(first), how)?.let { objects[first] = it } ?: objects.remove(first)
    }

    private suspend fun listSnapshots(step: Fields) {
        val filter = step.fields("filter")
        val host = if (filter.has("host")) filter.text("host") else null
        val tags = if (filter.has("tag")) listOf(filter.text("tag")) else emptyList()
        val found = repo(step).snapshots(SnapshotFilter(host = host, tags = tags))
        expect("what cannot be read", found.rejected.size, 0)
        step.long("are_many")?.let { return expect("how many", found.snapshots.size.toLong(), it) }
        expect("the snapshots", found.snapshots.map { it.id }, step.texts("are").map(snapshots::getValue))
    }

    private suspend fun paths(entries: Flow<Entry>, step: Fields) =
        expect("the paths", entries.map { escape(it.path.bytes) }.toList(), step.texts("paths"))

    private fun described(entry: Entry) =
        mapOf(
            "kind" to name(entry.kind),
            "size" to entry.size,
            "mode" to entry.mode,
            "target" to entry.target?.let { escape(it.bytes) },
            "modified" to entry.modified.epochSecond,
        )

    private suspend fun read(step: Fields) {
        val wanted = step.content("content")
        val (offset, length) = Pair(step.long("offset"), step.long("length"))
        val lengthIs = step.long("length_is")
        repo(step).openFile(snapshot(step), step.raw("path")).use { file ->
            lengthIs?.let { expect("the length", file.size, it) }
            if (offset != null) return expect("the range", escape(file.read(offset, length!!)), escape(wanted))
            val stream = file.inputStream().use { it.readAllBytes() }
            expect("the bytes of the stream", stream.contentEquals(wanted), true)
            val pieces = file.pieces(70_001).toList().fold(ByteArray(0), ByteArray::plus)
            expect("the bytes of the pieces", pieces.contentEquals(wanted), true)
        }
    }

    private suspend fun restore(step: Fields): Map<String, Any?> {
        val options = step.fields("options")
        val restore =
            RestoreOptions(
                path = if (options.has("path")) options.raw("path") else null,
                include = options.texts("include"),
                exclude = options.texts("exclude"),
                overwrite = if (options.has("overwrite")) Overwrite.valueOf(options.text("overwrite").uppercase()) else null,
                dryRun = options.flag("dry_run"),
            )
        val report = repo(step).restore(snapshot(step), place(step.text("target")), restore)
        return mapOf(
            "outcome" to name(report.outcome),
            "entries" to report.entries,
            "files" to report.files,
            "symlinks" to report.symlinks,
            "bytes" to report.bytes,
            "problem_count" to report.problemCount,
        )
    }

    private suspend fun forget(step: Fields): Map<String, Any?> {
        val policy =
            if (!step.has("policy")) null
            else step.fields("policy").let { RetentionPolicy(last = it.long("last")?.toInt() ?: 0, tags = it.texts("tags")) }
        val named = step.texts("snapshots").map(snapshots::getValue)
        val report = repo(step).forget(ForgetOptions(policy, named, dryRun = step.flag("dry_run")))
        return mapOf("kept" to report.kept, "removed" to report.removed, "dry_run" to report.dryRun)
    }

    fun close() = repositories.values.forEach { it.close() }

    companion object {
        /** The least that a passphrase may cost. */
        val CHEAP = Cost(19 * 1024, 2, 1)

        fun name(value: Enum<*>): String = value.name.lowercase()
    }
}
