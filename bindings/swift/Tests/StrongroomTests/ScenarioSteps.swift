import Foundation

@testable import Strongroom

extension World {
    func play(_ step: Fields) async throws -> [String: Any?] {
        switch try step.text("do") {
        case "backend": try backend(step)
        case "create": try await create(step)
        case "open": try await open(step)
        case "open_vector": try await openVector(step)
        case "vector_holds": try await vectorHolds(step)
        case "close": for _ in 0..<2 { try repo(step).close() }
        case "info": return ["role": name(try repo(step).role), "id": try repo(step).id]
        case "wait": try await Task.sleep(for: .milliseconds(step.number("milliseconds")!))
        case "write": try write(step)
        case "remove": try place(step.text("folder")).inside(step.raw("path")).remove()
        case "compare": try expect("the folder", place(step.text("with")).tree(), place(step.text("folder")).tree())
        case "holds":
            var wanted: [String: String] = [:]
            for entry in try step.list("entries") { wanted[try entry.text("path")] = escape(try entry.content("content")) }
            try expect("the files", place(step.text("folder")).files(), wanted)
        case "corrupt": try corrupt(step)
        case "backup": return try await backup(step)
        case "snapshots": try await listSnapshots(step)
        case "snapshot":
            let digits = step.number("first_digits")
            let spec = try digits.map { String(try snapshot(step, "spec").prefix(Int($0))) } ?? step.text("spec")
            let found = try await repo(step).snapshot(spec)
            if step.has("as") {
                snapshots[try step.text("as")] = found.id
            } else if !step.has("fails") {
                try expect("the snapshot", found.id, snapshot(step, "is"))
            }
        case "list":
            let listed = try repo(step).list(
                snapshot(step), step.raw("path"), isRecursive: step.flag("recursive"))
            try await expect("the paths", listed.all().map { escape($0.path.bytes) }, step.texts("paths"))
        case "find":
            let found = try repo(step).find(
                snapshot(step), step.text("glob"), ignoringCase: step.flag("any_case"))
            try await expect("the paths", found.all().map { escape($0.path.bytes) }, step.texts("paths"))
        case "entry":
            let entry = try await repo(step).entry(snapshot(step), step.raw("path"))
            return [
                "kind": name(entry.kind), "size": entry.size, "mode": entry.mode,
                "target": entry.target.map { escape($0.bytes) }, "modified": entry.modified.seconds,
            ]
        case "diff":
            let found = try await repo(step).diff(snapshot(step, "before"), snapshot(step, "after")).all()
            let changes = found.map { [name($0.change), escape($0.path.bytes)] }
            try expect("the changes", changes, step["changes"] as! [[String]])
        case "stats":
            let stats = try await repo(step).stats()
            return ["raw_bytes": stats.rawBytes, "unreadable_nodes": stats.unreadableNodes]
        case "read": try await read(step)
        case "restore": return try await restore(step)
        case "export_tar":
            let out = Guarded(Data())
            _ = try await repo(step).exportTar(snapshot(step)) { data in out.with { $0 += data } }
            let bytes = out.with { $0 }
            try expect("a whole number of blocks", bytes.count % 512, 0)
            try expect("enough bytes", bytes.count >= step.number("at_least") ?? 0, true)
            if step.has("as") { streams[try step.text("as")] = bytes }
        case "tag":
            let tags = try await repo(step).tag(snapshot(step), add: step.texts("add"), remove: step.texts("remove"))
            try expect("the tags", tags, step.texts("tags"))
        case "hold":
            let until = Timestamp(seconds: Timestamp.now.seconds + 86_400)
            try await expect("the hold", repo(step).hold(snapshot(step), until: until), until)
        case "release": try await repo(step).release(snapshot(step))
        case "forget": return try await forget(step)
        case "prune": return ["outcome": name(try await repo(step).prune().outcome)]
        case "rebuild_index": return ["outcome": name(try await repo(step).rebuildIndex().outcome)]
        case "check":
            let read = (step["read_data"] as? NSNumber)?.doubleValue
            let found = try await repo(step).check(CheckOptions(readData: read))
            let kinds = found.problems.map { name($0.kind) }
            try expect("soundness with \(kinds)", found.isSound, step.flag("sound"))
            try expect("the kinds that are not found", step.texts("kinds").filter { !kinds.contains($0) }, [])
        case "repair":
            let found = try await repo(step).repair()
            try expect("soundness", found.wasSound, step.flag("sound"))
            if step.has("salvaged") {
                guard let made = found.salvaged.compactMap(\.salvaged).first else { throw Failed("nothing was salvaged") }
                snapshots[try step.text("salvaged")] = made
            }
        case "copy":
            let found = try await repo(step).copy(to: step.texts("to").map { try known(repositories, $0) })
            if let copied = step.number("copied") { try expect("copied", Int64(found.destinations[0].copied.count), copied) }
            if let present = step.number("present") { try expect("present", found.destinations[0].present, present) }
            return ["outcome": name(found.outcome), "snapshots": found.snapshots]
        case let other: return try await keys(other, step)
        }
        return [:]
    }

    private func keys(_ what: String, _ step: Fields) async throws -> [String: Any?] {
        switch what {
        case "keys":
            let methods = try await repo(step).keys().map { name($0.method) }.sorted()
            try expect("the methods", methods, step.texts("methods"))
        case "add_key":
            try await repo(step).addKey(
                secret(step.fields("secret")), role: role(step), label: step.text("label", or: ""), cost: cheap)
        case "add_recovery_code":
            codes[try step.text("as")] = try await repo(step).addRecoveryCode(role: role(step), label: "on paper").code
        case "remove_key":
            let label = try step.text("label")
            guard let key = try await repo(step).keys().first(where: { $0.label == label }) else {
                throw Failed("no key has that label")
            }
            try await repo(step).removeKey(key.id)
        case "change_passphrase":
            try await repo(step).changePassphrase(to: .passphrase(step.text("passphrase")), cost: cheap)
        case "device_key": devices[try step.text("as")] = try .import(DeviceKey.generate().export())
        case "add_device":
            let key = try known(devices, step.text("device"))
            let request = try key.request(name: step.text("name"))
            try expect("the name", readDeviceRequest(request).name, step.text("name"))
            try await expect("the id", repo(step).addDevice(request, role: role(step)), key.id)
        case "revoke_device": try await repo(step).revokeDevice(known(devices, step.text("device")).id)
        case "devices":
            let names = try await repo(step).devices().filter { $0.hasKey && $0.revoked == nil }.map(\.name)
            try expect("the devices", names.sorted(), step.texts("names"))
        case "rotate": return ["epoch": try await repo(step).rotate().epoch]
        case "reencrypt":
            let found = try await repo(step).reencrypt()
            return ["outcome": name(found.outcome), "epoch": found.epoch]
        case "epoch": try await expect("the epoch", repo(step).epoch(), step.number("is")!)
        case "add_parity":
            let found = try await repo(step).addParity(percent: Int32(step.number("percent")!))
            return ["outcome": name(found.outcome)]
        default: throw Failed("no step is called \(what)")
        }
        return [:]
    }

    private func backend(_ step: Fields) throws {
        let name = try step.text("as")
        switch try step.text("kind") {
        case "local":
            let given = try step.has("folder") ? step.text("folder") : nil
            let folder = given.map { Place(scenarios.appendingPathComponent($0)) } ?? place("storage of \(name)")
            backends[name] = Stored(backend: try .local(LocalPath(folder.bytes), sync: false), folder: folder)
        case "memory": backends[name] = Stored(backend: .memory())
        case "host":
            let dictionary = Dictionary()
            backends[name] = Stored(backend: .of(dictionary), dictionary: dictionary)
        case let kind: throw Failed("no storage is a \(kind)")
        }
    }

    private func create(_ step: Fields) async throws {
        let options = step.fields("options")
        let create = CreateOptions(
            cost: cheap, packSize: options.number("pack_size").map { Int32($0) },
            parity: options.number("parity").map { Int32($0) })
        let backend = try known(backends, step.text("backend")).backend
        repositories[try step.text("as")] = try await .create(
            backend, secret(step.fields("secret")), options: create)
    }

    private func open(_ step: Fields) async throws {
        let name = try step.text("as")
        var secret = try secret(step.fields("secret"))
        if step.has("owner_of") {
            secret = try secret.expectOwner(known(repositories, step.text("owner_of")).ownerKey)
        }
        repositories[name] = try await .open(known(backends, step.text("backend")).backend, secret)
    }

    private func vector(_ step: Fields) throws -> (URL, Fields) {
        let vector = root.appendingPathComponent("docs/vectors/repositories/\(try step.text("vector"))")
        let json = try JSONSerialization.jsonObject(
            with: Data(contentsOf: vector.appendingPathComponent("expected.json")))
        return (vector, Fields(json as! [String: Any]))
    }

    private func openVector(_ step: Fields) async throws {
        let (vector, expected) = try vector(step)
        let called = try step.text("as")
        let target = folder.appendingPathComponent("vector \(called)")
        try FileManager.default.copyItem(at: vector.appendingPathComponent("repository"), to: target)
        let secret = try expected.list("secrets")[Int(step.number("secret")!)]
        let value = try secret.text("value")
        let opens: Secret
        switch try secret.text("method") {
        case "passphrase": opens = .passphrase(value)
        case "recovery_code": opens = try .recoveryCode(value)
        case "account_key": opens = try .accountKey(unhex(value))
        case "device": opens = try .device(.import(unhex(value)))
        case let method: throw Failed("nothing is opened by \(method)")
        }
        let stored = Stored(backend: try .local(target, sync: false), folder: Place(target))
        let repository = try await Repository.open(stored.backend, opens)
        try expect("the role", name(repository.role), secret.text("role"))
        backends[called] = stored
        repositories[called] = repository
    }

    private func vectorHolds(_ step: Fields) async throws {
        let (_, expected) = try vector(step)
        for snapshot in try expected.list("snapshots") {
            let id = try snapshot.text("id")
            for entry in try snapshot.list("entries") {
                let found = try await repo(step).entry(id, entry.raw("path"))
                try expect("the kind", name(found.kind), entry.text("kind"))
                try expect("the mode", Int64(found.mode), entry.number("mode") ?? -1)
                try expect("the size", found.size, entry.number("size") ?? 0)
                try expect("the target", found.target, entry.has("target") ? entry.raw("target") : nil)
                let holes = entry["holes"] as? [Any] ?? []
                if entry.has("data"), holes.isEmpty {
                    let bytes = try await repo(step).openFile(id, entry.raw("path")).read()
                    try expect("the bytes", escape(bytes), entry.text("data"))
                }
            }
        }
    }

    private func write(_ step: Fields) throws {
        for entry in try step.list("entries") {
            let place = try place(step.text("folder")).inside(entry.raw("path"))
            try place.parent.makeFolder()
            switch entry.text("kind", or: "file") {
            case "directory": try place.makeFolder()
            case "symlink":
                let target = Place(entry.raw("target").bytes)
                try place.check(target.path { to in place.path { symlink(to, $0) } }, "link")
            case "file": try place.write(entry.content("content"))
            case let kind: throw Failed("no entry is a \(kind)")
            }
            if let mode = entry.number("mode") { try place.check(place.path { chmod($0, mode_t(mode)) }, "chmod") }
            if let seconds = entry.number("modified") { try place.set(modified: seconds) }
        }
    }

    private func corrupt(_ step: Fields) throws {
        let (prefix, how) = (try step.text("folder"), try step.text("how"))
        let damaged: (Data) throws -> Data? = { data in
            switch how {
            case "flip":
                var bytes = [UInt8](data)
                bytes[bytes.count / 2] ^= 0xff
                return Data(bytes)
            case "truncate": return data.dropLast()
            case "delete": return nil
            default: throw Failed("no damage is called \(how)")
            }
        }
        let stored = try known(backends, step.text("backend"))
        if let dictionary = stored.dictionary {
            guard let first = dictionary.names.first(where: { $0.hasPrefix(prefix + "/") }) else {
                throw Failed("there is nothing in \(prefix)")
            }
            return dictionary.damage(first) { try? damaged($0).map { Data($0) } }
        }
        let files = try stored.folder!.inside(RawName(prefix)).walk().filter { !$0.isDirectory }
        guard let first = files.min(by: { last($0).lexicographicallyPrecedes(last($1)) }) else {
            throw Failed("there is nothing in \(prefix)")
        }
        let data = try damaged(first.read())
        try first.remove()
        if let data { try first.write(data) }
    }

    private func last(_ place: Place) -> Data { Data(place.bytes.dropFirst(place.parent.bytes.count)) }

    private func listSnapshots(_ step: Fields) async throws {
        let filter = step.fields("filter")
        let tags = filter.has("tag") ? [try filter.text("tag")] : []
        let found = try await repo(step).snapshots(SnapshotFilter(host: filter["host"] as? String, tags: tags))
        try expect("what cannot be read", found.rejected.count, 0)
        if let many = step.number("are_many") { return try expect("how many", Int64(found.snapshots.count), many) }
        try expect("the snapshots", found.snapshots.map(\.id), step.texts("are").map { try known(snapshots, $0) })
    }

    private func read(_ step: Fields) async throws {
        let wanted = try step.content("content")
        let file = try await repo(step).openFile(snapshot(step), step.raw("path"))
        if let length = step.number("length_is") { try expect("the length", file.size, length) }
        if let offset = step.number("offset") {
            let range = try await file.read(offset: offset, length: step.number("length")!)
            return try expect("the range", escape(range), escape(wanted))
        }
        var pieces = Data()
        for try await piece in file.pieces(of: 70_001) { pieces += piece }
        try expect("whether the pieces are the same", pieces == wanted, true)
        let whole = try await file.read()
        try expect("whether the whole is the same", whole == wanted, true)
    }

    private func restore(_ step: Fields) async throws -> [String: Any?] {
        let options = step.fields("options")
        let overwrites: [String: Overwrite] = [
            "never": .never, "if_newer": .ifNewer, "if_different": .ifDifferent, "always": .always,
        ]
        let restore = RestoreOptions(
            path: options.has("path") ? options.raw("path") : nil, include: options.texts("include"),
            exclude: options.texts("exclude"),
            overwrite: options.has("overwrite") ? try known(overwrites, options.text("overwrite")) : nil,
            dryRun: options.flag("dry_run"))
        let target = LocalPath(place(try step.text("target")).bytes)
        let report = try await repo(step).restore(snapshot(step), to: target, options: restore)
        return [
            "outcome": name(report.outcome), "entries": report.entries, "files": report.files,
            "symlinks": report.symlinks, "bytes": report.bytes, "problem_count": report.problemCount,
        ]
    }

    private func forget(_ step: Fields) async throws -> [String: Any?] {
        var policy: RetentionPolicy?
        if step.has("policy") {
            let fields = step.fields("policy")
            policy = RetentionPolicy(last: Int32(fields.number("last") ?? 0), tags: fields.texts("tags"))
        }
        let named = try step.texts("snapshots").map { try known(snapshots, $0) }
        let options = ForgetOptions(policy: policy, snapshots: named, dryRun: step.flag("dry_run"))
        let report = try await repo(step).forget(options)
        return ["kept": report.kept, "removed": report.removed, "dry_run": report.dryRun]
    }
}
