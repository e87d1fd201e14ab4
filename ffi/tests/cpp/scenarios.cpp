// Plays the scenarios of docs/scenarios through strongroom.hpp. C++17; run by `cargo xtask test c`.
#include "strongroom.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sys/stat.h>
#include <unistd.h>

namespace fs = std::filesystem;
using nlohmann::json;
using strongroom::Error;
using strongroom::Record;
using strongroom::view;

struct Failed : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// ---- values ----

static std::string unescape(const std::string &text) {
    std::string bytes;
    for (size_t i = 0; i < text.size(); i++) {
        if (text[i] == '\\') {
            bytes += static_cast<char>(std::stoi(text.substr(i + 2, 2), nullptr, 16));
            i += 3;
        } else {
            bytes += text[i];
        }
    }
    return bytes;
}

static std::string escape(std::string_view bytes) {
    static const char *digits = "0123456789abcdef";
    std::string text;
    for (char one : bytes) {
        auto byte = static_cast<unsigned char>(one);
        if (byte >= 32 && byte < 127 && byte != '\\') {
            text += one;
        } else {
            text += "\\x";
            text += digits[byte >> 4];
            text += digits[byte & 15];
        }
    }
    return text;
}

static std::string content(const json &value) {
    if (value.contains("text")) return value["text"].get<std::string>();
    if (value.contains("escaped")) return unescape(value["escaped"].get<std::string>());
    uint32_t state = value.at("random").get<uint32_t>();
    std::string bytes(value.at("length").get<size_t>(), 0);
    for (char &byte : bytes) {
        state = state * 1664525u + 1013904223u;
        byte = static_cast<char>(state >> 24);
    }
    return bytes;
}

static std::string unhex(const std::string &text) {
    std::string bytes;
    for (size_t i = 0; i + 1 < text.size(); i += 2) bytes += static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16));
    return bytes;
}

static std::string path_of(const json &object, const char *key) { return unescape(object.value(key, "")); }
static std::vector<std::string> texts(const json &object, const char *key) {
    return object.value(key, std::vector<std::string>());
}
static json options_of(const json &step) { return step.value("options", json::object()); }

// Numbers of an enumeration by their names, as far as scenarios use them.
static const std::map<std::string, uint32_t> ROLES = {
    {"writer", SR_ROLE_WRITER}, {"reader", SR_ROLE_READER}, {"maintainer", SR_ROLE_MAINTAINER}, {"owner", SR_ROLE_OWNER}};
static const std::map<std::string, uint32_t> OUTCOMES = {
    {"complete", SR_OUTCOME_COMPLETE}, {"partial", SR_OUTCOME_PARTIAL}, {"suspended", SR_OUTCOME_SUSPENDED}};
static const std::map<std::string, uint32_t> KINDS = {
    {"file", SR_ENTRY_KIND_FILE},      {"directory", SR_ENTRY_KIND_DIRECTORY},
    {"symlink", SR_ENTRY_KIND_SYMLINK}, {"fifo", SR_ENTRY_KIND_FIFO},
    {"socket", SR_ENTRY_KIND_SOCKET},  {"char_device", SR_ENTRY_KIND_CHAR_DEVICE},
    {"block_device", SR_ENTRY_KIND_BLOCK_DEVICE}};
static const std::map<std::string, uint32_t> METHODS = {{"passphrase", SR_SLOT_METHOD_PASSPHRASE},
                                                        {"recovery_code", SR_SLOT_METHOD_RECOVERY_CODE},
                                                        {"device", SR_SLOT_METHOD_DEVICE},
                                                        {"account_key", SR_SLOT_METHOD_ACCOUNT_KEY}};
static const std::map<std::string, uint32_t> CHANGES = {
    {"added", SR_CHANGE_KIND_ADDED}, {"removed", SR_CHANGE_KIND_REMOVED}, {"changed", SR_CHANGE_KIND_CHANGED}};
static const std::map<std::string, uint32_t> FOUND = {{"damaged_pack", SR_CHECK_KIND_DAMAGED_PACK}};

static std::string name_of(const std::map<std::string, uint32_t> &names, uint32_t number) {
    for (const auto &[name, value] : names)
        if (value == number) return name;
    return std::to_string(number);
}

template <class A, class B> static void expect(const std::string &what, const A &found, const B &wanted) {
    if (found == wanted) return;
    std::ostringstream text;
    text << what << ": found " << json(found) << ", expected " << json(wanted);
    throw Failed(text.str());
}

// ---- a dictionary as storage ----

class Dictionary : public strongroom::Storage {
public:
    std::mutex mutex;
    std::map<std::string, std::string> objects;

    void put(const std::string &name, const sr_bytes *parts, size_t count) override {
        std::lock_guard<std::mutex> lock(mutex);
        if (objects.count(name)) throw Error(SR_ERROR_KIND_ALREADY_EXISTS, name + " is there");
        std::string all;
        for (size_t i = 0; i < count; i++) all += view(parts[i]);
        objects[name] = all;
    }
    void read(const std::string &name, uint64_t offset, uint8_t *buffer, size_t length) override {
        std::lock_guard<std::mutex> lock(mutex);
        const std::string &found = find(name);
        if (offset > found.size() || length > found.size() - offset) throw Error(SR_ERROR_KIND_CORRUPT, name + " is short");
        std::memcpy(buffer, found.data() + offset, length);
    }
    Object stat(const std::string &name) override {
        std::lock_guard<std::mutex> lock(mutex);
        return Object{name, find(name).size(), now()};
    }
    void list(const std::string &folder, const std::function<void(const Object &)> &found) override {
        std::vector<Object> listed;
        {
            std::lock_guard<std::mutex> lock(mutex);
            for (const auto &[name, data] : objects) {
                size_t slash = name.find('/');
                if ((slash == std::string::npos ? "" : name.substr(0, slash)) == folder)
                    listed.push_back(Object{name, data.size(), now()});
            }
        }
        for (const auto &object : listed) found(object);
    }
    void remove(const std::string &name) override {
        std::lock_guard<std::mutex> lock(mutex);
        objects.erase(name);
    }

private:
    static sr_timestamp now() { return sr_timestamp{static_cast<int64_t>(time(nullptr)), 0}; }
    const std::string &find(const std::string &name) {
        auto found = objects.find(name);
        if (found == objects.end()) throw Error(SR_ERROR_KIND_NOT_FOUND, "no " + name);
        return found->second;
    }
};

struct Place {
    strongroom::Backend backend;
    std::shared_ptr<Dictionary> dictionary;
    fs::path folder;
};

// What a stream or iterator of the runner throws; it has to come back.
struct Raised {};

struct Stop {
    std::string how;
    uint64_t after = 0;
    const strongroom::Run *run = nullptr;
    uint64_t calls = 0;

    void call() {
        if (++calls != after) return;
        if (how == "cancel") run->cancel();
        else if (how == "suspend") run->suspend();
        else throw Raised{};
    }
};

static strongroom::Reader reader(std::shared_ptr<Stop> stop, std::string bytes, size_t piece) {
    auto at = std::make_shared<size_t>(0);
    return [stop, bytes = std::move(bytes), piece, at](uint8_t *buffer, size_t length) {
        stop->call();
        size_t count = std::min({length, piece, bytes.size() - *at});
        std::memcpy(buffer, bytes.data() + *at, count);
        *at += count;
        return count;
    };
}

// ---- the runner ----

class World {
public:
    World(fs::path root, fs::path scenarios, fs::path folder)
        : root(std::move(root)), scenarios(std::move(scenarios)), folder(std::move(folder)) {}

    void step(const json &step) {
        std::string fails = step.value("fails", "");
        json report;
        try {
            report = play(step);
        } catch (const Error &error) {
            if (!fails.empty() && fails == error.kind_name()) return;
            throw Failed(std::string(error.kind_name()) + ": " + error.what());
        } catch (const Raised &) {
            // The app's own exception, as it was thrown; its kind is `callback`.
            if (fails == "callback") return;
            throw Failed("the app's own exception came back");
        }
        if (!fails.empty()) throw Failed(fails + " was expected, and it succeeded");
        json wanted = step.value("expect", json::object());
        for (const auto &[field, value] : wanted.items()) expect(field, report.at(field), value);
    }

private:
    fs::path root, scenarios, folder;
    std::map<std::string, Place> backends;
    std::map<std::string, strongroom::Repository> repositories;
    std::map<std::string, std::string> snapshots, codes, streams;
    std::map<std::string, strongroom::DeviceKey> devices;

    strongroom::Repository &repo(const json &step) { return repositories.at(step.at("repository").get<std::string>()); }
    const std::string &snapshot(const json &step, const char *key = "snapshot") {
        return snapshots.at(step.at(key).get<std::string>());
    }
    fs::path place(const json &step, const char *key) { return folder / step.at(key).get<std::string>(); }

    json play(const json &step) {
        const std::string what = step.at("do");
        if (what == "backend") return backend(step);
        if (what == "create") return create(step);
        if (what == "open") return open(step);
        if (what == "open_vector") return open_vector(step);
        if (what == "vector_holds") return vector_holds(step);
        if (what == "close") return repo(step).close(), repo(step).close(), json();
        if (what == "info") return {{"role", name_of(ROLES, repo(step).role())}, {"id", repo(step).id()}};
        if (what == "wait") return usleep(step.at("milliseconds").get<unsigned>() * 1000), json();
        if (what == "write") return write(step);
        if (what == "remove") return fs::remove_all(place(step, "folder") / path_of(step, "path")), json();
        if (what == "compare") return expect("what stands there", tree(place(step, "with")), tree(place(step, "folder"))), json();
        if (what == "holds") return holds(step);
        if (what == "corrupt") return corrupt(step);
        if (what == "backup") return backup(step);
        if (what == "snapshots") return list_snapshots(step);
        if (what == "snapshot") {
            std::string spec = step.at("spec");
            if (step.contains("first_digits")) spec = snapshots.at(spec).substr(0, step["first_digits"].get<size_t>());
            auto found = repo(step).snapshot(spec);
            if (step.contains("as")) return snapshots[step["as"]] = found->id, json();
            return expect("the snapshot", std::string(found->id), snapshots.at(step.value("is", ""))), json();
        }
        if (what == "list") {
            auto listing = repo(step).list(snapshot(step), path_of(step, "path"), step.value("recursive", false));
            return paths(listing, step);
        }
        if (what == "find") {
            auto listing = repo(step).find(snapshot(step), step.at("glob"), step.value("any_case", false));
            return paths(listing, step);
        }
        if (what == "entry") return described(*repo(step).entry(snapshot(step), path_of(step, "path")));
        if (what == "diff") {
            json found = json::array();
            auto differences = repo(step).diff(snapshot(step, "before"), snapshot(step, "after"));
            for (auto batch = differences.next(2); batch->count > 0; batch = differences.next(2))
                for (size_t i = 0; i < batch->count; i++)
                    found.push_back({name_of(CHANGES, batch->items[i].change), escape(view(batch->items[i].path))});
            return expect("the changes", found, step.at("changes")), json();
        }
        if (what == "stats") {
            auto stats = repo(step).stats();
            return {{"raw_bytes", stats->raw_bytes}, {"unreadable_nodes", stats->unreadable_nodes}};
        }
        if (what == "read") return read(step);
        if (what == "restore") return restore(step);
        if (what == "export_tar") {
            std::string &out = streams[step.at("as")];
            repo(step).export_tar(snapshot(step), "", [&](const uint8_t *data, size_t length) {
                out.append(reinterpret_cast<const char *>(data), length);
            });
            expect("whole blocks", out.size() % 512, 0u);
            return expect("enough bytes", out.size() >= step.value("at_least", 0u), true), json();
        }
        if (what == "tag") return expect("tags", repo(step).tag(snapshot(step), texts(step, "add"), texts(step, "remove")), texts(step, "tags")), json();
        if (what == "hold") {
            sr_timestamp until{static_cast<int64_t>(time(nullptr)) + 86400, 0};
            return expect("the hold", repo(step).hold(snapshot(step), until).seconds, until.seconds), json();
        }
        if (what == "release") return repo(step).release_hold(snapshot(step)), json();
        if (what == "forget") return forget(step);
        if (what == "prune") return {{"outcome", name_of(OUTCOMES, repo(step).prune()->outcome)}};
        if (what == "rebuild_index") return repo(step).rebuild_index(), json();
        if (what == "check") return check(step);
        if (what == "repair") return repair(step);
        if (what == "copy") return copy(step);
        if (what == "keys") {
            std::vector<std::string> methods;
            auto keys = repo(step).keys();
            for (size_t i = 0; i < keys->count; i++) methods.push_back(name_of(METHODS, keys->items[i].method));
            std::sort(methods.begin(), methods.end());
            return expect("the methods", methods, texts(step, "methods")), json();
        }
        if (what == "add_key") return repo(step).add_key(secret(step.at("secret")), ROLES.at(step.at("role")), step.value("label", ""), cheap()), json();
        if (what == "add_recovery_code") return codes[step.at("as")] = repo(step).add_recovery_code(ROLES.at(step.at("role")), "on paper"), json();
        if (what == "remove_key") {
            auto keys = repo(step).keys();
            for (size_t i = 0; i < keys->count; i++)
                if (step.at("label") == keys->items[i].label) return repo(step).remove_key(keys->items[i].id), json();
            throw Failed("no key has that label");
        }
        if (what == "change_passphrase") return repo(step).change_passphrase(strongroom::Secret::passphrase(step.at("passphrase").get<std::string>()), cheap()), json();
        if (what == "device_key") {
            devices[step.at("as")] = strongroom::DeviceKey::import(strongroom::DeviceKey::generate().export_secret());
            return json();
        }
        if (what == "add_device") {
            auto &key = devices.at(step.at("device"));
            std::string request = key.request(step.at("name"));
            expect("the name", std::string(strongroom::read_device_request(request)->name), step.at("name").get<std::string>());
            return expect("the id", repo(step).add_device(request, ROLES.at(step.at("role"))), key.id()), json();
        }
        if (what == "revoke_device") return repo(step).revoke_device(devices.at(step.at("device")).id()), json();
        if (what == "devices") {
            std::vector<std::string> names;
            auto listed = repo(step).devices();
            for (size_t i = 0; i < listed->count; i++)
                if (listed->items[i].has_key && !listed->items[i].has_revoked) names.emplace_back(listed->items[i].name);
            std::sort(names.begin(), names.end());
            return expect("the devices", names, texts(step, "names")), json();
        }
        if (what == "rotate") return {{"epoch", repo(step).rotate()->epoch}};
        if (what == "reencrypt") {
            auto report = repo(step).reencrypt();
            return {{"outcome", name_of(OUTCOMES, report->outcome)}, {"epoch", report->epoch}};
        }
        if (what == "epoch") return expect("the epoch", repo(step).epoch(), step.at("is").get<uint32_t>()), json();
        if (what == "add_parity") return {{"outcome", name_of(OUTCOMES, repo(step).add_parity(step.at("percent").get<uint8_t>())->outcome)}};
        throw Failed("no step is called " + what);
    }

    static sr_cost cheap() { return sr_cost{19 * 1024, 2, 1}; }

    json backend(const json &step) {
        Place made;
        std::string name = step.at("as"), kind = step.at("kind");
        if (kind == "local") {
            made.folder = step.contains("folder") ? scenarios / step["folder"].get<std::string>() : folder / ("storage of " + name);
            made.backend = strongroom::Backend::local(made.folder.native(), false);
        } else if (kind == "memory") {
            made.backend = strongroom::Backend::memory();
        } else {
            made.dictionary = std::make_shared<Dictionary>();
            made.backend = strongroom::Backend::host(made.dictionary);
        }
        backends[name] = std::move(made);
        return json();
    }

    strongroom::Secret secret(const json &value) {
        if (value.contains("passphrase")) return strongroom::Secret::passphrase(value["passphrase"].get<std::string>());
        if (value.contains("recovery_code")) return strongroom::Secret::recovery_code(value["recovery_code"]);
        if (value.contains("account_key")) return strongroom::Secret::account_key(unhex(value["account_key"]));
        if (value.contains("code")) return strongroom::Secret::recovery_code(codes.at(value["code"]));
        return strongroom::Secret::device(devices.at(value.at("device")));
    }

    json create(const json &step) {
        auto options = strongroom::options<sr_create_options>();
        options.cost = cheap();
        options.parity = options_of(step).value("parity", uint8_t{0});
        auto made = strongroom::Repository::create(backends.at(step.at("backend")).backend, secret(step.at("secret")), &options);
        repositories[step.at("as")] = std::move(made);
        return json();
    }

    json open(const json &step) {
        auto opens = secret(step.at("secret"));
        if (step.contains("owner_of")) opens = opens.expect_owner(repositories.at(step["owner_of"]).owner_key());
        auto made = strongroom::Repository::open(backends.at(step.at("backend")).backend, opens);
        repositories[step.at("as")] = std::move(made);
        return json();
    }

    json expected(const json &step) {
        std::ifstream file(root / "docs/vectors/repositories" / step.at("vector").get<std::string>() / "expected.json");
        return json::parse(file);
    }

    json open_vector(const json &step) {
        std::string name = step.at("as");
        fs::path target = folder / ("vector " + name);
        fs::copy(root / "docs/vectors/repositories" / step.at("vector").get<std::string>() / "repository", target,
                 fs::copy_options::recursive);
        json vector = expected(step), key = vector["secrets"].at(step.at("secret").get<size_t>());
        std::string value = key["value"], method = key["method"];
        strongroom::Secret opens = method == "passphrase"      ? strongroom::Secret::passphrase(value)
                                   : method == "recovery_code" ? strongroom::Secret::recovery_code(value)
                                   : method == "account_key"   ? strongroom::Secret::account_key(unhex(value))
                                       : strongroom::Secret::device(strongroom::DeviceKey::import(unhex(value)));
        Place made;
        made.backend = strongroom::Backend::local(target.native(), false);
        repositories[name] = strongroom::Repository::open(made.backend, opens);
        backends[name] = std::move(made);
        return expect("the role", name_of(ROLES, repositories[name].role()), key["role"].get<std::string>()), json();
    }

    json vector_holds(const json &step) {
        const json vector = expected(step);
        for (const json &snapshot : vector.at("snapshots")) {
            for (const json &entry : snapshot["entries"]) {
                std::string id = snapshot["id"], path = path_of(entry, "path");
                auto found = repo(step).entry(id, path);
                expect("the kind", name_of(KINDS, found->kind), entry["kind"].get<std::string>());
                expect("the mode", found->mode, entry["mode"].get<uint32_t>());
                expect("the size", found->size, entry.value("size", uint64_t{0}));
                expect("the target", std::string(view(found->target)), path_of(entry, "target"));
                if (entry.contains("data") && entry.value("holes", json::array()).empty()) {
                    std::string bytes(found->size, 0);
                    auto file = repo(step).open_file(id, path);
                    bytes.resize(file.read_at(0, reinterpret_cast<uint8_t *>(bytes.data()), bytes.size()));
                    expect("the bytes", escape(bytes), entry["data"].get<std::string>());
                }
            }
        }
        return json();
    }

    json write(const json &step) {
        for (const json &entry : step.at("entries")) {
            fs::path at = place(step, "folder") / path_of(entry, "path");
            fs::create_directories(at.parent_path());
            std::string kind = entry.value("kind", "file");
            if (kind == "directory") fs::create_directories(at);
            else if (kind == "symlink") fs::create_symlink(path_of(entry, "target"), at);
            else std::ofstream(at, std::ios::binary) << content(entry.at("content"));
            if (entry.contains("mode")) chmod(at.c_str(), entry["mode"].get<mode_t>());
            if (entry.contains("modified")) {
                timespec times[2] = {{entry["modified"].get<time_t>(), 0}, {entry["modified"].get<time_t>(), 0}};
                utimensat(AT_FDCWD, at.c_str(), times, AT_SYMLINK_NOFOLLOW);
            }
        }
        return json();
    }

    static std::string slurp(const fs::path &path) {
        std::ifstream file(path, std::ios::binary);
        return std::string(std::istreambuf_iterator<char>(file), {});
    }

    // Escaped paths, and what is there.
    static json tree(const fs::path &root) {
        json found = json::object();
        for (const auto &item : fs::recursive_directory_iterator(root)) {
            std::string name = escape(item.path().lexically_relative(root).native());
            struct stat metadata;
            lstat(item.path().c_str(), &metadata);
            if (item.is_symlink()) found[name] = {"symlink", escape(fs::read_symlink(item.path()).native())};
            else if (item.is_directory()) found[name] = {"directory", metadata.st_mode & 07777};
            else found[name] = {"file", std::hash<std::string>()(slurp(item.path())), metadata.st_size, metadata.st_mode & 07777, metadata.st_mtime};
        }
        return found;
    }

    json holds(const json &step) {
        std::map<std::string, std::string> found, wanted;
        fs::path at = place(step, "folder");
        for (const auto &item : fs::recursive_directory_iterator(at))
            if (item.is_regular_file()) found[escape(item.path().lexically_relative(at).native())] = escape(slurp(item.path()));
        for (const json &entry : step.at("entries")) wanted[entry.at("path")] = escape(content(entry.at("content")));
        return expect("the files", found, wanted), json();
    }

    json corrupt(const json &step) {
        Place &at = backends.at(step.at("backend"));
        std::string prefix = step.at("folder"), how = step.at("how");
        auto damaged = [&](std::string bytes) {
            if (how == "flip") bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 0xff);
            else bytes.pop_back();
            return bytes;
        };
        if (at.dictionary) {
            auto first = at.dictionary->objects.lower_bound(prefix + "/");
            if (how == "delete") at.dictionary->objects.erase(first);
            else first->second = damaged(first->second);
            return json();
        }
        std::map<std::string, fs::path> files;
        for (const auto &item : fs::recursive_directory_iterator(at.folder / prefix))
            if (item.is_regular_file()) files[item.path().filename().native()] = item.path();
        fs::path first = files.begin()->second;
        std::string bytes = slurp(first);
        fs::remove(first);
        if (how != "delete") std::ofstream(first, std::ios::binary) << damaged(bytes);
        return json();
    }

    strongroom::Source source(const json &value, std::shared_ptr<Stop> stop) {
        std::string kind = value.at("kind");
        if (kind == "files") return strongroom::Source::paths({(folder / value.at("folder").get<std::string>()).native()});
        if (kind == "bytes") return strongroom::Source::bytes(path_of(value, "path"), content(value.at("content")));
        if (kind == "reader") return strongroom::Source::reader(path_of(value, "path"), reader(stop, content(value.at("content")), value.at("piece")));
        if (kind == "tar") return strongroom::Source::tar(reader(stop, streams.at(value.at("of")), 10000));
        struct State {
            json entries;
            size_t next = 0;
            // What an entry points to lives here until the next one.
            std::string path, target;
            std::vector<std::pair<std::string, std::string>> attributes;
            std::vector<sr_xattr> xattrs;
            sr_reader_callbacks callbacks;
        };
        auto state = std::make_shared<State>();
        state->entries = value.at("entries");
        std::vector<std::string> known_as;
        for (const auto &name : texts(value, "known_as")) known_as.push_back(unescape(name));
        auto next = [state, stop](sr_entry_to_store &entry) {
            stop->call();
            if (state->next == state->entries.size()) return false;
            const json &one = state->entries[state->next++];
            state->path = path_of(one, "path");
            entry.path = strongroom::bytes(state->path);
            entry.kind = KINDS.at(one.value("kind", "file"));
            if (one.contains("target")) {
                state->target = path_of(one, "target");
                entry.target = strongroom::bytes(state->target);
            }
            if (one.contains("mode")) entry.has_mode = true, entry.mode = one["mode"];
            if (one.contains("modified")) entry.has_modified = true, entry.modified.seconds = one["modified"];
            state->attributes.clear();
            state->xattrs.clear();
            if (one.contains("xattrs"))
                for (const auto &[name, text] : one["xattrs"].items()) state->attributes.emplace_back(name, unescape(text));
            for (const auto &[name, bytes] : state->attributes)
                state->xattrs.push_back(sr_xattr{strongroom::bytes(name), strongroom::bytes(bytes)});
            entry.xattrs = state->xattrs.data();
            entry.xattrs_count = state->xattrs.size();
            if (entry.kind == SR_ENTRY_KIND_FILE) {
                state->callbacks = strongroom::reader(reader(stop, content(one.at("content")), 1000));
                entry.reader = &state->callbacks;
            }
            return true;
        };
        return strongroom::Source::entries(next, value.value("sorted", false)).known_as(known_as);
    }

    json backup(const json &step) {
        json wanted = options_of(step);
        auto options = strongroom::options<sr_backup_options>();
        std::vector<std::string> tags = texts(wanted, "tags");
        auto tag_pointers = strongroom::detail::pointers(tags);
        options.tags = tag_pointers.data();
        options.tags_count = tags.size();
        std::string host = wanted.value("host", ""), description = wanted.value("description", "");
        options.host = host.c_str();
        options.description = description.c_str();
        options.skip_if_unchanged = wanted.value("skip_if_unchanged", false);
        std::string parent = wanted.value("parent", "newest");
        options.no_parent = parent == "none";
        if (parent != "none" && parent != "newest") options.parent = snapshots.at(parent).c_str();
        auto budget = strongroom::options<sr_budget>();
        json bounds = step.value("budget", json::object());
        budget.has_deadline_ms = bounds.contains("deadline_ms");
        budget.deadline_ms = bounds.value("deadline_ms", uint64_t{0});
        strongroom::Run run(&budget);
        auto stop = std::make_shared<Stop>();
        json stops = step.value("stop", json::object());
        stop->how = stops.value("how", "");
        stop->after = stops.value("after", uint64_t{0});
        stop->run = &run;
        auto report = repo(step).backup(source(step.at("source"), stop), &options, &run);
        expect("whether there is no snapshot", report->snapshot == nullptr, step.value("makes_none", false));
        if (report->snapshot) snapshots[step.at("as")] = report->snapshot;
        return {{"outcome", name_of(OUTCOMES, report->outcome)}, {"entries", report->entries}, {"files", report->files},
                {"directories", report->directories}, {"bytes", report->bytes}, {"unchanged", report->unchanged},
                {"new_bytes", report->new_bytes}, {"problem_count", report->problem_count}};
    }

    json list_snapshots(const json &step) {
        auto filter = strongroom::options<sr_snapshot_filter>();
        json wanted = step.value("filter", json::object());
        std::string tag = wanted.value("tag", ""), host = wanted.value("host", "");
        const char *tags[] = {tag.c_str()};
        filter.tags = tags;
        filter.tags_count = tag.empty() ? 0 : 1;
        filter.host = host.empty() ? nullptr : host.c_str();
        auto listing = repo(step).snapshots(&filter);
        expect("what cannot be read", listing->rejected_count, 0u);
        if (step.contains("are_many")) return expect("how many", listing->snapshots_count, step["are_many"].get<size_t>()), json();
        std::vector<std::string> found, are;
        for (size_t i = 0; i < listing->snapshots_count; i++) found.emplace_back(listing->snapshots[i].id);
        for (const auto &name : texts(step, "are")) are.push_back(snapshots.at(name));
        return expect("the snapshots", found, are), json();
    }

    json paths(strongroom::Listing &listing, const json &step) {
        std::vector<std::string> found;
        for (auto batch = listing.next(2); batch->count > 0; batch = listing.next(2))
            for (size_t i = 0; i < batch->count; i++) found.push_back(escape(view(batch->items[i].path)));
        return expect("the paths", found, texts(step, "paths")), json();
    }

    static json described(const sr_entry &entry) {
        return {{"kind", name_of(KINDS, entry.kind)}, {"size", entry.size}, {"mode", entry.mode},
                {"target", escape(view(entry.target))}, {"modified", entry.modified.seconds}};
    }

    json read(const json &step) {
        auto file = repo(step).open_file(snapshot(step), path_of(step, "path"));
        std::string wanted = content(step.at("content")), found;
        if (step.contains("length_is")) expect("the length", file.length(), step["length_is"].get<uint64_t>());
        if (step.contains("offset")) {
            found.resize(step.at("length").get<size_t>());
            found.resize(file.read_at(step["offset"], reinterpret_cast<uint8_t *>(found.data()), found.size()));
            return expect("the range", escape(found), escape(wanted)), json();
        }
        std::vector<uint8_t> buffer(70001);
        while (size_t count = file.read(buffer.data(), buffer.size()))
            found.append(reinterpret_cast<const char *>(buffer.data()), count);
        return expect("whether the bytes are the same", found == wanted, true), json();
    }

    json restore(const json &step) {
        json wanted = options_of(step);
        auto options = strongroom::options<sr_restore_options>();
        std::string target = place(step, "target").native(), path = path_of(wanted, "path");
        std::vector<std::string> include = texts(wanted, "include"), exclude = texts(wanted, "exclude");
        auto included = strongroom::detail::pointers(include), excluded = strongroom::detail::pointers(exclude);
        options.target = strongroom::bytes(target);
        options.path = strongroom::bytes(path);
        options.include = included.data(), options.include_count = included.size();
        options.exclude = excluded.data(), options.exclude_count = excluded.size();
        options.dry_run = wanted.value("dry_run", false);
        auto report = repo(step).restore(snapshot(step), options);
        return {{"outcome", name_of(OUTCOMES, report->outcome)}, {"entries", report->entries}, {"files", report->files},
                {"symlinks", report->symlinks}, {"bytes", report->bytes}, {"problem_count", report->problem_count}};
    }

    json forget(const json &step) {
        auto options = strongroom::options<sr_forget_options>();
        auto policy = strongroom::options<sr_retention_policy>();
        std::vector<std::string> tags, ids;
        std::vector<const char *> tag_pointers, id_pointers;
        if (step.contains("policy")) {
            policy.last = step["policy"].value("last", 0u);
            tags = texts(step["policy"], "tags");
            tag_pointers = strongroom::detail::pointers(tags);
            policy.tags = tag_pointers.data(), policy.tags_count = tags.size();
            options.policy = &policy;
        }
        for (const auto &name : texts(step, "snapshots")) ids.push_back(snapshots.at(name));
        id_pointers = strongroom::detail::pointers(ids);
        options.snapshots = id_pointers.data(), options.snapshots_count = ids.size();
        options.dry_run = step.value("dry_run", false);
        auto report = repo(step).forget(options);
        return {{"kept", report->kept}, {"removed", report->removed}, {"dry_run", report->dry_run}};
    }

    json check(const json &step) {
        auto options = strongroom::options<sr_check_options>();
        options.has_read_data = step.contains("read_data");
        options.read_data = step.value("read_data", 0.0);
        auto report = repo(step).check(&options);
        bool sound = report->problem_count == 0 && report->outcome == SR_OUTCOME_COMPLETE;
        expect("soundness", sound, step.at("sound").get<bool>());
        for (const auto &kind : texts(step, "kinds")) {
            bool found = false;
            for (size_t i = 0; i < report->problems_count; i++) found |= report->problems[i].kind == FOUND.at(kind);
            expect(kind, found, true);
        }
        return json();
    }

    json repair(const json &step) {
        auto report = repo(step).repair();
        bool sound = report->outcome == SR_OUTCOME_COMPLETE && report->damaged_count == 0 && report->index_written == 0;
        expect("soundness", sound, step.at("sound").get<bool>());
        if (step.contains("salvaged")) {
            expect("whether something was salvaged", report->salvaged_count > 0, true);
            snapshots[step["salvaged"]] = report->salvaged[0].salvaged;
        }
        return json();
    }

    json copy(const json &step) {
        std::vector<const strongroom::Repository *> to;
        for (const auto &name : texts(step, "to")) to.push_back(&repositories.at(name));
        auto report = repo(step).copy_to(to);
        const sr_copy_destination &first = report->destinations[0];
        expect("copied", first.copied_count, step.at("copied").get<size_t>());
        expect("present", first.present, step.at("present").get<uint64_t>());
        return {{"outcome", name_of(OUTCOMES, report->outcome)}, {"snapshots", report->snapshots}};
    }
};

int main(int count, char **arguments) {
    if (count < 2) return std::cerr << "scenarios ROOT [NAME...]\n", 2;
    fs::path root = arguments[1];
    // Other ones, when languages are held against each other.
    const char *given = std::getenv("STRONGROOM_SCENARIOS");
    fs::path scenarios = given ? fs::path(given) : root / "docs/scenarios";
    std::vector<fs::path> files;
    for (const auto &item : fs::directory_iterator(scenarios))
        if (item.path().extension() == ".json") files.push_back(item.path());
    std::sort(files.begin(), files.end());
    int passed = 0, failed = 0;
    for (const auto &file : files) {
        if (count > 2 && std::find(arguments + 2, arguments + count, file.stem().native()) == arguments + count) continue;
        std::string temporary = (fs::temp_directory_path() / "strongroom-scenario-XXXXXX").native();
        if (!mkdtemp(temporary.data())) return std::cerr << "no temporary folder\n", 2;
        size_t number = 0;
        json current;
        try {
            std::ifstream stream(file);
            json scenario = json::parse(stream);
            World world(root, scenarios, temporary);
            for (const json &step : scenario.at("steps")) {
                number++;
                current = step;
                world.step(step);
            }
            passed++;
            std::cout << file.stem().native() << ": " << number << " steps\n";
        } catch (const std::exception &error) {
            failed++;
            std::cout << file.stem().native() << ": step " << number << ": " << current << ": " << error.what() << "\n";
        }
        fs::remove_all(temporary);
    }
    std::cout << passed << " passed, " << failed << " failed\n";
    return failed == 0 && passed > 0 ? 0 : 1;
}
