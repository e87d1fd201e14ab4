/* The C++17 face of strongroom.h: header only, handles that close themselves, errors as exceptions.
 *
 * Classes here own what they hold and can be moved; records (Record<sr_backup_report> and so on) are read like pointers.
 * An exception that leaves a function of the app ends the operation, and comes out of the call that began it as the very
 * same exception. Any object may be used from any thread, as in strongroom.h. */
#ifndef STRONGROOM_HPP
#define STRONGROOM_HPP

#include "strongroom.h"

#include <atomic>
#include <cstring>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace strongroom {

/* What the library throws. */
class Error : public std::runtime_error {
public:
    Error(sr_error_kind kind, const std::string &message) : std::runtime_error(message), kind_(kind) {}

    explicit Error(const sr_error_record &record)
        : std::runtime_error(record.message), kind_(record.kind), operation_(record.operation),
          object_(record.object ? record.object : ""), detail_(record.detail ? record.detail : "") {
        if (record.has_retry_after_ms) retry_after_ms_ = record.retry_after_ms;
        for (size_t i = 0; i < record.causes_count; i++) causes_.emplace_back(record.causes[i]);
    }

    sr_error_kind kind() const noexcept { return kind_; }
    const char *kind_name() const noexcept { return sr_error_kind_name(kind_); }
    const std::string &operation() const noexcept { return operation_; }
    const std::string &object() const noexcept { return object_; }
    const std::string &detail() const noexcept { return detail_; }
    const std::vector<std::string> &causes() const noexcept { return causes_; }
    std::optional<uint64_t> retry_after_ms() const noexcept { return retry_after_ms_; }

private:
    sr_error_kind kind_;
    std::string operation_, object_, detail_;
    std::vector<std::string> causes_;
    std::optional<uint64_t> retry_after_ms_;
};

namespace detail {

/* Exceptions on their way through the library, by the numbers it carries. */
struct Thrown {
    std::mutex mutex;
    uint64_t next = 1;
    std::map<uint64_t, std::exception_ptr> all;

    static Thrown &of_all() {
        static Thrown thrown;
        return thrown;
    }
    uint64_t put(std::exception_ptr exception) {
        std::lock_guard<std::mutex> lock(mutex);
        /* What never came out again must not pile up. */
        if (all.size() >= 1024) all.erase(all.begin());
        all[next] = std::move(exception);
        return next++;
    }
    std::exception_ptr take(uint64_t number) {
        std::lock_guard<std::mutex> lock(mutex);
        auto found = all.find(number);
        if (found == all.end()) return nullptr;
        std::exception_ptr exception = found->second;
        all.erase(found);
        return exception;
    }
};

/* Runs a function of the app; no exception leaves it. */
template <class F> sr_status guarded(sr_failure *failure, F &&work) noexcept {
    try {
        work();
        return SR_OK;
    } catch (const Error &error) {
        std::strncpy(failure->message, error.what(), sizeof failure->message - 1);
        failure->has_payload = true;
        failure->payload = Thrown::of_all().put(std::current_exception());
        return error.kind();
    } catch (const std::exception &error) {
        std::strncpy(failure->message, error.what(), sizeof failure->message - 1);
    } catch (...) {
        std::strncpy(failure->message, "an exception of unknown type", sizeof failure->message - 1);
    }
    failure->has_payload = true;
    failure->payload = Thrown::of_all().put(std::current_exception());
    return SR_ERROR_KIND_CALLBACK;
}

inline void check(sr_status status, const sr_error_record *record) {
    if (status == SR_OK) return;
    if (!record) throw Error(status, "the library told nothing about its error");
    std::exception_ptr thrown = record->has_payload ? Thrown::of_all().take(record->payload) : nullptr;
    Error error(*record);
    sr_free(record);
    if (thrown) std::rethrow_exception(thrown);
    throw error;
}

/* Calls a function of strongroom.h whose last argument is the error. */
template <class F, class... A> void call(F function, A... arguments) {
    const sr_error_record *error = nullptr;
    sr_status status = function(arguments..., &error);
    check(status, error);
}

template <class H, void (*Close)(H)> class Handle {
public:
    Handle() noexcept : handle_{0} {}
    explicit Handle(H handle) noexcept : handle_(handle) {}
    Handle(Handle &&other) noexcept : handle_(other.release()) {}
    Handle &operator=(Handle &&other) noexcept {
        if (this != &other) {
            close();
            handle_ = other.release();
        }
        return *this;
    }
    Handle(const Handle &) = delete;
    Handle &operator=(const Handle &) = delete;
    ~Handle() { close(); }

    H get() const noexcept { return handle_; }
    H release() noexcept {
        H handle = handle_;
        handle_.id = 0;
        return handle;
    }
    /* Closing twice is harmless. The handle keeps its number, so that its later use is told to be of a closed one. */
    void close() noexcept { Close(handle_); }

protected:
    H handle_;
};

inline sr_bytes bytes(std::string_view view) {
    return sr_bytes{reinterpret_cast<const uint8_t *>(view.data()), view.size()};
}
inline std::string text(const char *handed_out) {
    std::string made(handed_out ? handed_out : "");
    sr_free(handed_out);
    return made;
}
inline std::string text(sr_bytes handed_out) {
    std::string made(reinterpret_cast<const char *>(handed_out.data), handed_out.length);
    sr_free(handed_out.data);
    return made;
}
inline std::vector<const char *> pointers(const std::vector<std::string> &texts) {
    std::vector<const char *> made;
    for (const auto &text : texts) made.push_back(text.c_str());
    return made;
}

} // namespace detail

/* The bytes of a path, name or value; empty where there are none. */
inline std::string_view view(sr_bytes bytes) {
    return bytes.data ? std::string_view(reinterpret_cast<const char *>(bytes.data), bytes.length) : std::string_view();
}
inline sr_bytes bytes(std::string_view view) { return detail::bytes(view); }

/* Options with nothing set but their size: `auto options = strongroom::options<sr_backup_options>();` */
template <class T> T options() {
    T made;
    std::memset(&made, 0, sizeof made);
    made.struct_size = sizeof made;
    return made;
}

/* A record of the library's, freed when this goes. */
template <class T> class Record {
public:
    Record() noexcept = default;
    explicit Record(const T *record) noexcept : record_(record) {}
    Record(Record &&other) noexcept : record_(std::exchange(other.record_, nullptr)) {}
    Record &operator=(Record &&other) noexcept {
        std::swap(record_, other.record_);
        return *this;
    }
    Record(const Record &) = delete;
    Record &operator=(const Record &) = delete;
    ~Record() { sr_free(record_); }

    const T *operator->() const noexcept { return record_; }
    const T &operator*() const noexcept { return *record_; }
    explicit operator bool() const noexcept { return record_ != nullptr; }

private:
    const T *record_ = nullptr;
};

/* Storage that an app implements. Called from several threads at once. Throw an Error of the kind that fits, above all
 * SR_ERROR_KIND_NOT_FOUND and SR_ERROR_KIND_ALREADY_EXISTS; see sr_backend_callbacks for what is asked of each. */
class Storage {
public:
    virtual ~Storage() = default;
    virtual void put(const std::string &name, const sr_bytes *parts, size_t parts_count) = 0;
    virtual void read(const std::string &name, uint64_t offset, uint8_t *buffer, size_t length) = 0;
    struct Object {
        std::string name;
        uint64_t length;
        sr_timestamp modified;
    };
    virtual Object stat(const std::string &name) = 0;
    virtual void list(const std::string &folder, const std::function<void(const Object &)> &found) = 0;
    virtual void remove(const std::string &name) = 0;
    virtual std::string location() const { return "the app's storage"; }
};

/* Fills the buffer; says how many bytes came, 0 at the end. */
using Reader = std::function<size_t(uint8_t *buffer, size_t length)>;
/* Takes all of the data. */
using Writer = std::function<void(const uint8_t *data, size_t length)>;
/* Fills in the next entry; false when there is none. What it points to must live until the next call. */
using Entries = std::function<bool(sr_entry_to_store &entry)>;
/* Hears of progress. */
using Progress = std::function<void(const sr_progress &progress)>;
/* Hears what happens. Must not throw. */
using Log = std::function<void(sr_log_level level, const char *operation, const char *message)>;

/* For sr_entry_to_store.reader: the struct, which owns the function and is used up by the library. */
inline sr_reader_callbacks reader(Reader function) {
    auto made = options<sr_reader_callbacks>();
    made.user_data = new Reader(std::move(function));
    made.read = [](void *data, uint8_t *buffer, size_t length, size_t *count, sr_failure *failure) {
        return detail::guarded(failure, [&] { *count = (*static_cast<Reader *>(data))(buffer, length); });
    };
    made.drop = [](void *data) { delete static_cast<Reader *>(data); };
    return made;
}

class Backend : public detail::Handle<sr_backend, sr_backend_close> {
public:
    using Handle::Handle;

    static Backend local(std::string_view path, bool sync = true) {
        Backend made;
        detail::call(sr_backend_local, detail::bytes(path), sync, &made.handle_);
        return made;
    }
    static Backend memory() {
        Backend made;
        detail::call(sr_backend_memory, &made.handle_);
        return made;
    }
    static Backend host(std::shared_ptr<Storage> storage) {
        using Shared = std::shared_ptr<Storage>;
        auto callbacks = options<sr_backend_callbacks>();
        std::string location = storage->location();
        callbacks.location = location.c_str();
        auto owned = std::make_unique<Shared>(std::move(storage));
        callbacks.user_data = owned.get();
        callbacks.put = [](void *data, const char *name, const sr_bytes *parts, size_t count, sr_failure *failure) {
            return detail::guarded(failure, [&] { (*static_cast<Shared *>(data))->put(name, parts, count); });
        };
        callbacks.read = [](void *data, const char *name, uint64_t offset, uint8_t *buffer, size_t length,
                            sr_failure *failure) {
            return detail::guarded(failure, [&] { (*static_cast<Shared *>(data))->read(name, offset, buffer, length); });
        };
        callbacks.stat = [](void *data, const char *name, sr_object *object, sr_failure *failure) {
            return detail::guarded(failure, [&] {
                Storage::Object found = (*static_cast<Shared *>(data))->stat(name);
                object->length = found.length;
                object->modified = found.modified;
            });
        };
        callbacks.list = [](void *data, const char *folder, sr_found found, void *found_data, sr_failure *failure) {
            /* What the library says ends the listing as it is, whatever else happens on the way out. */
            sr_status stopped = SR_OK;
            struct Stop {};
            sr_status status = detail::guarded(failure, [&] {
                try {
                    (*static_cast<Shared *>(data))->list(folder, [&](const Storage::Object &object) {
                        sr_object made{object.name.c_str(), object.length, object.modified};
                        stopped = found(found_data, &made);
                        if (stopped != SR_OK) throw Stop{};
                    });
                } catch (const Stop &) {
                }
            });
            return stopped != SR_OK ? stopped : status;
        };
        callbacks.remove = [](void *data, const char *name, sr_failure *failure) {
            return detail::guarded(failure, [&] { (*static_cast<Shared *>(data))->remove(name); });
        };
        callbacks.drop = [](void *data) { delete static_cast<Shared *>(data); };
        Backend made;
        detail::call(sr_backend_host, &callbacks, &made.handle_);
        owned.release();
        return made;
    }
    /* The same storage, whose calls are tried again when they fail for a reason that passes. */
    Backend retrying(const sr_retry_options *options = nullptr) const {
        Backend made;
        detail::call(sr_backend_retry, handle_, options, &made.handle_);
        return made;
    }
};

class DeviceKey : public detail::Handle<sr_device_key, sr_device_key_close> {
public:
    using Handle::Handle;

    static DeviceKey generate() {
        DeviceKey made;
        detail::call(sr_device_key_generate, &made.handle_);
        return made;
    }
    static DeviceKey import(std::string_view bytes) {
        DeviceKey made;
        detail::call(sr_device_key_import, detail::bytes(bytes), &made.handle_);
        return made;
    }
    /* The secret keys; wiping the string is the caller's. */
    std::string export_secret() const {
        sr_bytes out;
        detail::call(sr_device_key_export, handle_, &out);
        return detail::text(out);
    }
    std::string id() const {
        const char *out;
        detail::call(sr_device_key_id, handle_, &out);
        return detail::text(out);
    }
    std::string request(const std::string &name) const {
        sr_bytes out;
        detail::call(sr_device_key_request, handle_, name.c_str(), &out);
        return detail::text(out);
    }
};

inline Record<sr_device_request> read_device_request(std::string_view request) {
    const sr_device_request *out;
    detail::call(sr_read_device_request, detail::bytes(request), &out);
    return Record<sr_device_request>(out);
}

inline std::string generate_recovery_code() {
    const char *out;
    detail::call(sr_generate_recovery_code, &out);
    return detail::text(out);
}

class Secret : public detail::Handle<sr_secret, sr_secret_close> {
public:
    using Handle::Handle;

    static Secret passphrase(std::string_view passphrase) {
        Secret made;
        detail::call(sr_secret_passphrase, detail::bytes(passphrase), &made.handle_);
        return made;
    }
    static Secret recovery_code(const std::string &code) {
        Secret made;
        detail::call(sr_secret_recovery_code, code.c_str(), &made.handle_);
        return made;
    }
    static Secret device(const DeviceKey &key) {
        Secret made;
        detail::call(sr_secret_device, key.get(), &made.handle_);
        return made;
    }
    static Secret account_key(std::string_view key) {
        Secret made;
        detail::call(sr_secret_account_key, detail::bytes(key), &made.handle_);
        return made;
    }
    Secret expect_owner(std::string_view owner) const {
        Secret made;
        detail::call(sr_secret_expect_owner, handle_, detail::bytes(owner), &made.handle_);
        return made;
    }
};

/* An operation that runs or will run. */
class Run : public detail::Handle<sr_run, sr_run_close> {
public:
    explicit Run(const sr_budget *budget = nullptr, Progress progress = nullptr) {
        if (progress) progress_ = std::make_unique<Progress>(std::move(progress));
        sr_progress_function function = nullptr;
        if (progress_) {
            function = [](void *data, const sr_progress *state, sr_failure *failure) {
                return detail::guarded(failure, [&] { (*static_cast<Progress *>(data))(*state); });
            };
        }
        detail::call(sr_run_new, budget, function, static_cast<void *>(progress_.get()), &handle_);
    }
    void cancel() const { detail::call(sr_run_cancel, handle_); }
    void suspend() const { detail::call(sr_run_suspend, handle_); }
    Record<sr_progress> progress() const {
        const sr_progress *out;
        detail::call(sr_run_progress, handle_, &out);
        return Record<sr_progress>(out);
    }

private:
    std::unique_ptr<Progress> progress_;
};

class Source : public detail::Handle<sr_source, sr_source_close> {
public:
    using Handle::Handle;

    static Source files(const sr_files_options &options) {
        Source made;
        detail::call(sr_source_files, &options, &made.handle_);
        return made;
    }
    static Source paths(const std::vector<std::string> &paths) {
        auto files_options = options<sr_files_options>();
        std::vector<sr_bytes> views;
        for (const auto &path : paths) views.push_back(detail::bytes(path));
        files_options.paths = views.data();
        files_options.paths_count = views.size();
        return files(files_options);
    }
    static Source bytes(std::string_view path, std::string_view content) {
        auto stream = options<sr_stream_options>();
        stream.path = detail::bytes(path);
        Source made;
        detail::call(sr_source_bytes, &stream, detail::bytes(content), &made.handle_);
        return made;
    }
    static Source reader(std::string_view path, Reader function) {
        auto stream = options<sr_stream_options>();
        stream.path = detail::bytes(path);
        return with_reader(std::move(function), [&](const sr_reader_callbacks *callbacks, sr_source *out) {
            detail::call(sr_source_reader, &stream, callbacks, out);
        });
    }
    static Source tar(Reader function) {
        return with_reader(std::move(function), [&](const sr_reader_callbacks *callbacks, sr_source *out) {
            detail::call(sr_source_tar, callbacks, out);
        });
    }
    static Source entries(Entries function, bool sorted = false) {
        auto owned = std::make_unique<Entries>(std::move(function));
        auto callbacks = options<sr_entries_callbacks>();
        callbacks.user_data = owned.get();
        callbacks.next = [](void *data, sr_entry_to_store *entry, bool *is_over, sr_failure *failure) {
            return detail::guarded(failure, [&] { *is_over = !(*static_cast<Entries *>(data))(*entry); });
        };
        callbacks.drop = [](void *data) { delete static_cast<Entries *>(data); };
        Source made;
        detail::call(sr_source_entries, &callbacks, sorted, &made.handle_);
        owned.release();
        return made;
    }
    Source known_as(const std::vector<std::string> &names) && {
        std::vector<sr_bytes> views;
        for (const auto &name : names) views.push_back(detail::bytes(name));
        detail::call(sr_source_known_as, handle_, views.data(), views.size());
        return std::move(*this);
    }

private:
    template <class F> static Source with_reader(Reader function, F &&make) {
        sr_reader_callbacks callbacks = strongroom::reader(std::move(function));
        Source made;
        try {
            make(&callbacks, &made.handle_);
        } catch (...) {
            callbacks.drop(callbacks.user_data);
            throw;
        }
        return made;
    }
};

/* A file of a snapshot. */
class File : public detail::Handle<sr_file, sr_file_close> {
public:
    using Handle::Handle;

    uint64_t length() const {
        uint64_t out;
        detail::call(sr_file_length, handle_, &out);
        return out;
    }
    Record<sr_entry> entry() const {
        const sr_entry *out;
        detail::call(sr_file_entry, handle_, &out);
        return Record<sr_entry>(out);
    }
    size_t read(uint8_t *buffer, size_t length) {
        size_t out;
        detail::call(sr_file_read, handle_, buffer, length, &out);
        return out;
    }
    size_t read_at(uint64_t offset, uint8_t *buffer, size_t length) const {
        size_t out;
        detail::call(sr_file_read_at, handle_, offset, buffer, length, &out);
        return out;
    }
    void seek(uint64_t position) { detail::call(sr_file_seek, handle_, position); }
    uint64_t position() const {
        uint64_t out;
        detail::call(sr_file_position, handle_, &out);
        return out;
    }
};

/* Entries, some at a time; an empty batch at the end. */
class Listing : public detail::Handle<sr_listing, sr_listing_close> {
public:
    using Handle::Handle;
    Record<sr_entry_list> next(size_t most = 256) {
        const sr_entry_list *out;
        detail::call(sr_listing_next, handle_, most, &out);
        return Record<sr_entry_list>(out);
    }
    /* Calls `each` for every entry. */
    template <class F> void for_each(F &&each) {
        for (auto batch = next(); batch->count > 0; batch = next()) {
            for (size_t i = 0; i < batch->count; i++) each(batch->items[i]);
        }
    }
};

/* Differences, some at a time; an empty batch at the end. */
class Differences : public detail::Handle<sr_differences, sr_differences_close> {
public:
    using Handle::Handle;
    Record<sr_difference_list> next(size_t most = 256) {
        const sr_difference_list *out;
        detail::call(sr_differences_next, handle_, most, &out);
        return Record<sr_difference_list>(out);
    }
    template <class F> void for_each(F &&each) {
        for (auto batch = next(); batch->count > 0; batch = next()) {
            for (size_t i = 0; i < batch->count; i++) each(batch->items[i]);
        }
    }
};

class Repository : public detail::Handle<sr_repository, sr_repository_close> {
public:
    using Handle::Handle;

    static Repository create(const Backend &backend, const Secret &secret, const sr_create_options *options = nullptr,
                             Log log = nullptr) {
        return opened(sr_repository_create, backend, secret, options, std::move(log));
    }
    static Repository open(const Backend &backend, const Secret &secret, const sr_open_options *options = nullptr,
                           Log log = nullptr) {
        return opened(sr_repository_open, backend, secret, options, std::move(log));
    }

    /* The same repository, whose calls ask nothing more of the storage once the run is cancelled. */
    Repository cancelled_by(const Run &run) const {
        return Repository(value<sr_repository>(sr_repository_cancelled_by, run.get()));
    }
    std::string id() const { return text(sr_repository_id); }
    std::string location() const { return text(sr_repository_location); }
    std::string state_folder_problem() const { return text(sr_repository_state_folder_problem); }
    std::string owner_key() const { return detail::text(value<sr_bytes>(sr_repository_owner_key)); }
    sr_role role() const { return value<sr_role>(sr_repository_role); }
    sr_timestamp created() const { return value<sr_timestamp>(sr_repository_created); }
    uint8_t parity() const { return value<uint8_t>(sr_repository_parity); }
    uint32_t epoch() const { return value<uint32_t>(sr_repository_epoch); }
    Record<sr_text_list> healed_packs() const { return record<sr_text_list>(sr_repository_healed_packs); }

    Record<sr_backup_report> backup(Source source, const sr_backup_options *options = nullptr, const Run *run = nullptr) {
        sr_source used = source.release();
        try {
            return record<sr_backup_report>(sr_backup, used, options, run_of(run));
        } catch (...) {
            sr_source_close(used);
            throw;
        }
    }
    Record<sr_restore_report> restore(const std::string &snapshot, const sr_restore_options &options,
                                      const Run *run = nullptr) {
        return record<sr_restore_report>(sr_restore, snapshot.c_str(), &options, run_of(run));
    }
    Record<sr_restore_report> restore(const std::string &snapshot, std::string_view target, const Run *run = nullptr) {
        auto restore_options = options<sr_restore_options>();
        restore_options.target = detail::bytes(target);
        return restore(snapshot, restore_options, run);
    }
    Record<sr_restore_report> export_tar(const std::string &snapshot, std::string_view path, Writer writer,
                                         const Run *run = nullptr) {
        auto callbacks = options<sr_writer_callbacks>();
        callbacks.user_data = &writer;
        callbacks.write = [](void *data, const uint8_t *bytes, size_t length, sr_failure *failure) {
            return detail::guarded(failure, [&] { (*static_cast<Writer *>(data))(bytes, length); });
        };
        return record<sr_restore_report>(sr_export_tar, snapshot.c_str(), detail::bytes(path), &callbacks, run_of(run));
    }
    Record<sr_copy_report> copy_to(const std::vector<const Repository *> &destinations,
                                   const sr_copy_options *options = nullptr, const Run *run = nullptr) {
        std::vector<sr_repository> handles;
        for (const Repository *one : destinations) handles.push_back(one->get());
        return record<sr_copy_report>(sr_copy_to, handles.data(), handles.size(), options, run_of(run));
    }
    File open_file(const std::string &snapshot, std::string_view path) const {
        return File(value<sr_file>(sr_open_file, snapshot.c_str(), detail::bytes(path)));
    }

    Record<sr_snapshot_listing> snapshots(const sr_snapshot_filter *filter = nullptr) const {
        return record<sr_snapshot_listing>(sr_snapshots, filter);
    }
    Record<sr_snapshot> snapshot(const std::string &spec, const sr_snapshot_filter *filter = nullptr) const {
        return record<sr_snapshot>(sr_get_snapshot, spec.c_str(), filter);
    }
    Record<sr_entry> entry(const std::string &snapshot, std::string_view path) const {
        return record<sr_entry>(sr_get_entry, snapshot.c_str(), detail::bytes(path));
    }
    Listing list(const std::string &snapshot, std::string_view folder = {}, bool recursive = true) const {
        return Listing(value<sr_listing>(sr_list, snapshot.c_str(), detail::bytes(folder), recursive));
    }
    Listing find(const std::string &snapshot, const std::string &glob, bool any_case = false) const {
        return Listing(value<sr_listing>(sr_find, snapshot.c_str(), glob.c_str(), any_case));
    }
    Differences diff(const std::string &before, const std::string &after, const Run *run = nullptr) const {
        return Differences(value<sr_differences>(sr_diff, before.c_str(), after.c_str(), run_of(run)));
    }
    Record<sr_repository_stats> stats(const Run *run = nullptr) const {
        return record<sr_repository_stats>(sr_stats, run_of(run));
    }
    std::vector<std::string> tag(const std::string &snapshot, const std::vector<std::string> &add,
                                 const std::vector<std::string> &remove = {}) {
        auto added = detail::pointers(add), removed = detail::pointers(remove);
        auto tags = record<sr_text_list>(sr_tag, snapshot.c_str(), added.data(), added.size(), removed.data(), removed.size());
        return std::vector<std::string>(tags->items, tags->items + tags->count);
    }
    sr_timestamp hold(const std::string &snapshot, sr_timestamp until) {
        return value<sr_timestamp>(sr_hold, snapshot.c_str(), until);
    }
    void release_hold(const std::string &snapshot) { detail::call(sr_release, handle_, snapshot.c_str()); }
    Record<sr_session_list> sessions() const { return record<sr_session_list>(sr_sessions); }

    Record<sr_check_report> check(const sr_check_options *options = nullptr, const Run *run = nullptr) const {
        return record<sr_check_report>(sr_check, options, run_of(run));
    }
    Record<sr_repair_report> repair(const sr_repair_options *options = nullptr, const Run *run = nullptr) {
        return record<sr_repair_report>(sr_repair, options, run_of(run));
    }
    Record<sr_rebuild_report> rebuild_index(const Run *run = nullptr) {
        return record<sr_rebuild_report>(sr_rebuild_index, run_of(run));
    }
    Record<sr_forget_report> forget(const sr_forget_options &options, const Run *run = nullptr) {
        return record<sr_forget_report>(sr_forget, &options, run_of(run));
    }
    Record<sr_prune_report> prune(const sr_prune_options *options = nullptr, const Run *run = nullptr) {
        return record<sr_prune_report>(sr_prune, options, run_of(run));
    }
    Record<sr_parity_report> add_parity(uint8_t percent, const Run *run = nullptr) {
        return record<sr_parity_report>(sr_add_parity, percent, run_of(run));
    }
    Record<sr_reencrypt_report> reencrypt(const sr_reencrypt_options *options = nullptr, const Run *run = nullptr) {
        return record<sr_reencrypt_report>(sr_reencrypt, options, run_of(run));
    }

    Record<sr_key_list> keys() const { return record<sr_key_list>(sr_keys); }
    std::string add_key(const Secret &secret, sr_role role, const std::string &label = "", sr_cost cost = {}) {
        return detail::text(value<const char *>(sr_add_key, secret.get(), role, label.c_str(), cost));
    }
    std::string add_recovery_code(sr_role role, const std::string &label = "") {
        const char **no_slot = nullptr;
        return detail::text(value<const char *>(sr_add_recovery_code, role, label.c_str(), no_slot));
    }
    Record<sr_key_removal> remove_key(const std::string &slot, const sr_revoke_options *options = nullptr,
                                      const Run *run = nullptr) {
        return record<sr_key_removal>(sr_remove_key, slot.c_str(), options, run_of(run));
    }
    Record<sr_passphrase_change> change_passphrase(const Secret &secret, sr_cost cost = {}) {
        return record<sr_passphrase_change>(sr_change_passphrase, secret.get(), cost);
    }
    Record<sr_device_list> devices() const { return record<sr_device_list>(sr_devices); }
    std::string add_device(std::string_view request, sr_role role) {
        return detail::text(value<const char *>(sr_add_device, detail::bytes(request), role));
    }
    Record<sr_revocation> revoke_device(const std::string &device, const sr_revoke_options *options = nullptr,
                                        const Run *run = nullptr) {
        return record<sr_revocation>(sr_revoke_device, device.c_str(), options, run_of(run));
    }
    Record<sr_rotation_report> rotate(const Run *run = nullptr) { return record<sr_rotation_report>(sr_rotate, run_of(run)); }

private:
    static sr_run run_of(const Run *run) { return run ? run->get() : sr_run{0}; }

    template <class F, class O>
    static Repository opened(F function, const Backend &backend, const Secret &secret, const O *options, Log log) {
        Repository made;
        if (!log) {
            const sr_log_callbacks *none = nullptr;
            detail::call(function, backend.get(), secret.get(), options, none, &made.handle_);
            return made;
        }
        auto callbacks = strongroom::options<sr_log_callbacks>();
        auto owned = std::make_unique<Log>(std::move(log));
        callbacks.user_data = owned.get();
        callbacks.log = [](void *data, sr_log_level level, const char *operation, const char *message) {
            try {
                (*static_cast<Log *>(data))(level, operation, message);
            } catch (...) {
            }
        };
        callbacks.drop = [](void *data) { delete static_cast<Log *>(data); };
        /* From here on the library owns it: a failed opening drops it as well. */
        owned.release();
        const sr_log_callbacks *given = &callbacks;
        detail::call(function, backend.get(), secret.get(), options, given, &made.handle_);
        return made;
    }

    template <class T, class F, class... A> T value(F function, A... arguments) const {
        T out;
        detail::call(function, handle_, arguments..., &out);
        return out;
    }
    template <class T, class F, class... A> Record<T> record(F function, A... arguments) const {
        const T *out = nullptr;
        detail::call(function, handle_, arguments..., &out);
        return Record<T>(out);
    }
    template <class F> std::string text(F function) const { return detail::text(value<const char *>(function)); }
};

} // namespace strongroom

#endif
