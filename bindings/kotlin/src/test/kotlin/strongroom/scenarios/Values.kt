package strongroom.scenarios

import com.google.gson.JsonElement
import com.google.gson.JsonObject
import java.nio.file.Path
import strongroom.RawName
import strongroom.bytesOf
import strongroom.pathOf

/** The bytes that an escaped text stands for. */
fun unescape(text: String): ByteArray {
    val bytes = ArrayList<Byte>()
    var at = 0
    while (at < text.length) {
        if (text[at] == '\\') {
            bytes += text.substring(at + 2, at + 4).toInt(16).toByte()
            at += 4
        } else {
            bytes += text[at].code.toByte()
            at += 1
        }
    }
    return bytes.toByteArray()
}

/** The escaped text of some bytes. */
fun escape(bytes: ByteArray): String =
    bytes.joinToString("") { byte ->
        val code = byte.toInt() and 0xff
        if (code in 32..126 && code != '\\'.code) code.toChar().toString() else "\\x%02x".format(code)
    }

fun unhex(text: String): ByteArray = text.chunked(2).map { it.toInt(16).toByte() }.toByteArray()

/** What of a step is read: a key that nothing read is one the runner does not know. */
class Fields(private val json: JsonObject, private val what: String) {
    private val read = HashSet<String>()
    private val inside = ArrayList<Fields>()

    fun has(key: String): Boolean {
        read += key
        return json.has(key)
    }

    fun get(key: String): JsonElement? {
        read += key
        return json.get(key)
    }

    fun text(key: String): String = get(key)?.asString ?: throw Failed("$what has no $key")

    fun textOr(key: String, other: String): String = get(key)?.asString ?: other

    fun long(key: String): Long? = get(key)?.asLong

    fun flag(key: String): Boolean = get(key)?.asBoolean ?: false

    fun texts(key: String): List<String> = get(key)?.asJsonArray?.map { it.asString } ?: emptyList()

    fun raw(key: String): RawName = RawName(unescape(textOr(key, "")))

    fun fields(key: String): Fields =
        Fields(get(key)?.asJsonObject ?: JsonObject(), "$key of $what").also { inside += it }

    fun list(key: String): List<Fields> =
        (get(key)?.asJsonArray ?: throw Failed("$what has no $key")).map { Fields(it.asJsonObject, "$key of $what") }
            .onEach { inside += it }

    fun keys(): Set<String> = json.keySet().also { read += it }

    fun content(key: String): ByteArray {
        val value = fields(key)
        return when {
            value.has("text") -> value.text("text").toByteArray()
            value.has("escaped") -> unescape(value.text("escaped"))
            else -> {
                var state = value.long("random")!!.toInt()
                ByteArray(value.long("length")!!.toInt()) {
                    state = state * 1664525 + 1013904223
                    (state ushr 24).toByte()
                }
            }
        }
    }

    /** Fails for whatever was not read. */
    fun allRead() {
        val unknown = json.keySet() - read
        if (unknown.isNotEmpty()) throw Failed("$what: nobody knows $unknown")
        inside.forEach { it.allRead() }
    }

    override fun toString(): String = json.toString()
}

/** What a scenario expected and did not find. */
class Failed(message: String) : Exception(message)

fun <T> expect(what: String, found: T, wanted: T) {
    if (found != wanted) throw Failed("$what: found $found, expected $wanted")
}

/** A path inside of a folder, by bytes. */
fun Path.inside(name: RawName): Path =
    if (name.bytes.isEmpty()) this else pathOf(bytesOf(this) + "/".toByteArray() + name.bytes)

/** The escaped path of something below a folder. */
fun Path.escapedBelow(folder: Path): String = escape(bytesOf(this).drop(bytesOf(folder).size + 1).toByteArray())
