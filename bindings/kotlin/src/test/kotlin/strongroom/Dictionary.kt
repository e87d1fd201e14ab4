package strongroom

import java.time.Instant
import java.util.TreeMap
import kotlin.time.Duration

/** A dictionary as storage. */
class Dictionary : Storage {
    val objects = TreeMap<String, ByteArray>()

    override suspend fun put(name: String, data: ByteArray): Unit =
        synchronized(objects) {
            if (name in objects) throw StrongroomException.AlreadyExists("$name is there")
            objects[name] = data
        }

    override suspend fun read(name: String, offset: Long, length: Long): ByteArray {
        val data = find(name)
        if (offset + length > data.size) throw StrongroomException.Corrupt("$name is short")
        return data.copyOfRange(offset.toInt(), (offset + length).toInt())
    }

    override suspend fun stat(name: String): StoredObject =
        StoredObject(name, find(name).size.toLong(), Instant.now())

    override suspend fun list(folder: String): List<StoredObject> =
        synchronized(objects) {
            objects
                .filterKeys { it.substringBefore('/', "") == folder }
                .map { (name, data) -> StoredObject(name, data.size.toLong(), Instant.now()) }
        }

    override suspend fun delete(name: String): Unit = synchronized(objects) { objects.remove(name) }

    override val location: String = "a dictionary"
    override val settling: Duration = Duration.ZERO

    private fun find(name: String) =
        synchronized(objects) { objects[name] } ?: throw StrongroomException.NotFound("no $name")
}
