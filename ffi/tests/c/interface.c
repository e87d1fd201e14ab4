/* The C interface as C sees it: a round trip, callbacks that fail and call back, and everything a caller can get wrong.
 * C11, without warnings; run under valgrind and the address sanitizer by `cargo xtask test c`. */
#include "strongroom.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>
#include <time.h>

static int checks;

#define CHECK(condition)                                                                     \
    do {                                                                                     \
        checks++;                                                                            \
        if (!(condition)) {                                                                  \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                  \
            exit(1);                                                                         \
        }                                                                                    \
    } while (0)

#define OK(call)                                                                             \
    do {                                                                                     \
        const sr_error_record *error = NULL;                                                 \
        sr_status status_ = (call);                                                          \
        checks++;                                                                            \
        if (status_ != SR_OK) {                                                              \
            fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call,                    \
                    error ? error->message : "no error");                                    \
            exit(1);                                                                         \
        }                                                                                    \
        CHECK(error == NULL);                                                                \
    } while (0)

#define FAILS(expected, call)                                                                \
    do {                                                                                     \
        const sr_error_record *error = NULL;                                                 \
        sr_status status_ = (call);                                                          \
        checks++;                                                                            \
        if (status_ != (expected) || error == NULL || error->kind != (expected)) {           \
            fprintf(stderr, "%s:%d: %s: %u and not %u: %s\n", __FILE__, __LINE__, #call,     \
                    status_, (unsigned)(expected), error ? error->message : "no error");     \
            exit(1);                                                                         \
        }                                                                                    \
        CHECK(error->message != NULL && error->operation != NULL);                           \
        sr_free(error);                                                                      \
    } while (0)

static sr_bytes bytes(const char *text) {
    sr_bytes made = {(const uint8_t *)text, strlen(text)};
    return made;
}

/* ---- storage in a list ---- */

typedef struct object {
    char *name;
    uint8_t *data;
    size_t length;
    struct object *next;
} object;

typedef struct {
    pthread_mutex_t lock;
    object *first;
    int fail_puts;
    /* Of three puts only the third is answered, and no read at all. */
    bool busy, down;
    int puts;
    atomic_int dropped;
    sr_repository reenter;
} storage;

static object *find(storage *all, const char *name) {
    for (object *one = all->first; one; one = one->next)
        if (strcmp(one->name, name) == 0) return one;
    return NULL;
}

static sr_status put(void *data, const char *name, const sr_bytes *parts, size_t count, sr_failure *failure) {
    storage *all = data;
    sr_status status = SR_OK;
    pthread_mutex_lock(&all->lock);
    if (all->fail_puts) {
        snprintf(failure->message, sizeof failure->message, "the upload of %s was refused", name);
        failure->has_payload = true;
        failure->payload = 4711;
        failure->has_retry_after_ms = true;
        failure->retry_after_ms = 250;
        status = SR_ERROR_KIND_STORAGE_FULL;
    } else if (all->busy && ++all->puts % 3 != 0) {
        failure->has_retry_after_ms = true;
        failure->retry_after_ms = 1;
        status = SR_ERROR_KIND_UNAVAILABLE;
    } else if (find(all, name)) {
        status = SR_ERROR_KIND_ALREADY_EXISTS;
    } else {
        object *one = calloc(1, sizeof *one);
        one->name = strcpy(malloc(strlen(name) + 1), name);
        for (size_t i = 0; i < count; i++) one->length += parts[i].length;
        one->data = malloc(one->length + 1);
        size_t at = 0;
        for (size_t i = 0; i < count; i++) {
            if (parts[i].length) memcpy(one->data + at, parts[i].data, parts[i].length);
            at += parts[i].length;
        }
        one->next = all->first;
        all->first = one;
    }
    pthread_mutex_unlock(&all->lock);
    return status;
}

static sr_status get(void *data, const char *name, uint64_t offset, uint8_t *buffer, size_t length, sr_failure *failure) {
    storage *all = data;
    sr_status status = SR_OK;
    pthread_mutex_lock(&all->lock);
    object *one = find(all, name);
    if (all->down) {
        failure->has_retry_after_ms = true;
        failure->retry_after_ms = 60000;
        status = SR_ERROR_KIND_UNAVAILABLE;
    } else if (!one)
        status = SR_ERROR_KIND_NOT_FOUND;
    else if (offset > one->length || length > one->length - offset)
        status = SR_ERROR_KIND_CORRUPT;
    else
        memcpy(buffer, one->data + offset, length);
    pthread_mutex_unlock(&all->lock);
    return status;
}

static sr_status stat_object(void *data, const char *name, sr_object *out, sr_failure *failure) {
    storage *all = data;
    (void)failure;
    pthread_mutex_lock(&all->lock);
    object *one = find(all, name);
    if (one) {
        out->length = one->length;
        out->modified.seconds = 1790000000;
    }
    pthread_mutex_unlock(&all->lock);
    return one ? SR_OK : SR_ERROR_KIND_NOT_FOUND;
}

static sr_status list(void *data, const char *folder, sr_found found, void *found_data, sr_failure *failure) {
    storage *all = data;
    sr_status status = SR_OK;
    (void)failure;
    /* Functions of the app may call the library, from wherever they are called. */
    if (all->reenter.id) {
        const char *id = NULL;
        CHECK(sr_repository_id(all->reenter, &id, NULL) == SR_OK);
        sr_free(id);
    }
    /* The library may call the other functions from within `found`, so the lock is not held then. Objects are only ever
     * added at the front while this test lists, so the rest of the list stays as it is. */
    pthread_mutex_lock(&all->lock);
    object *one = all->first;
    pthread_mutex_unlock(&all->lock);
    for (; one && status == SR_OK; one = one->next) {
        const char *slash = strchr(one->name, '/');
        size_t length = slash ? (size_t)(slash - one->name) : 0;
        if (strlen(folder) != length || strncmp(folder, one->name, length) != 0) continue;
        sr_object made = {one->name, one->length, {1790000000, 0}};
        status = found(found_data, &made);
    }
    return status;
}

static sr_status remove_object(void *data, const char *name, sr_failure *failure) {
    storage *all = data;
    (void)failure;
    pthread_mutex_lock(&all->lock);
    for (object **at = &all->first; *at; at = &(*at)->next) {
        object *one = *at;
        if (strcmp(one->name, name) != 0) continue;
        *at = one->next;
        free(one->name);
        free(one->data);
        free(one);
        break;
    }
    pthread_mutex_unlock(&all->lock);
    return SR_OK;
}

static void drop_storage(void *data) {
    storage *all = data;
    all->dropped++;
}

static sr_backend_callbacks callbacks_of(storage *all) {
    sr_backend_callbacks made = {.struct_size = sizeof made,
                                 .user_data = all,
                                 .put = put,
                                 .read = get,
                                 .stat = stat_object,
                                 .list = list,
                                 .remove = remove_object,
                                 .location = "a list in C",
                                 .drop = drop_storage};
    return made;
}

/* ---- a stream ---- */

typedef struct {
    size_t left;
    int fails_after;
    int calls;
    int dropped;
    sr_run cancels;
} stream;

static sr_status read_stream(void *data, uint8_t *buffer, size_t length, size_t *count, sr_failure *failure) {
    stream *one = data;
    one->calls++;
    if (one->fails_after && one->calls > one->fails_after) {
        failure->has_payload = true;
        failure->payload = 42;
        return SR_ERROR_KIND_CALLBACK;
    }
    if (one->cancels.id && one->calls == 3) CHECK(sr_run_cancel(one->cancels, NULL) == SR_OK);
    *count = length < one->left ? length : one->left;
    for (size_t i = 0; i < *count; i++) buffer[i] = (uint8_t)((one->left - i) * 2654435761u >> 13);
    one->left -= *count;
    return SR_OK;
}

static sr_status lying_stream(void *data, uint8_t *buffer, size_t length, size_t *count, sr_failure *failure) {
    (void)data, (void)buffer, (void)failure;
    *count = length + 1;
    return SR_OK;
}

static void drop_stream(void *data) { ((stream *)data)->dropped++; }

static sr_reader_callbacks reader_of(stream *one) {
    sr_reader_callbacks made = {.struct_size = sizeof made, .user_data = one, .read = read_stream, .drop = drop_stream};
    return made;
}

/* ---- a writer ---- */

static sr_status write_all(void *data, const uint8_t *bytes_of, size_t length, sr_failure *failure) {
    (void)bytes_of, (void)failure;
    *(size_t *)data += length;
    return SR_OK;
}

static sr_cost cheapest(void) {
    sr_cost cost = {19 * 1024, 2, 1};
    return cost;
}

static sr_repository make(sr_backend backend) {
    sr_secret secret;
    sr_repository repository;
    const sr_error_record *error = NULL;
    sr_create_options options = {.struct_size = sizeof options, .cost = cheapest()};
    CHECK(sr_secret_passphrase(bytes("correct horse"), &secret, &error) == SR_OK);
    CHECK(sr_repository_create(backend, secret, &options, NULL, &repository, &error) == SR_OK);
    sr_secret_close(secret);
    return repository;
}

static void empty(storage *all) {
    while (all->first) {
        char name[256];
        snprintf(name, sizeof name, "%s", all->first->name);
        remove_object(all, name, NULL);
    }
}

static void round_trip(void) {
    storage all = {.lock = PTHREAD_MUTEX_INITIALIZER};
    sr_backend backend;
    sr_backend_callbacks callbacks = callbacks_of(&all);
    OK(sr_backend_host(&callbacks, &backend, &error));
    sr_repository repository = make(backend);
    sr_backend_close(backend);
    CHECK(all.dropped == 0);

    const char *location;
    OK(sr_repository_location(repository, &location, &error));
    CHECK(strcmp(location, "a list in C") == 0);
    sr_free(location);

    stream one = {.left = 3000000};
    sr_reader_callbacks reader = reader_of(&one);
    sr_stream_options place = {.struct_size = sizeof place, .path = bytes("dumps/\xff.sql"), .has_mode = true, .mode = 0640};
    sr_source source;
    OK(sr_source_reader(&place, &reader, &source, &error));
    const char *tags[] = {"daily", "first"};
    sr_backup_options options = {.struct_size = sizeof options, .tags = tags, .tags_count = 2, .host = "here"};
    const sr_backup_report *report;
    sr_run none = {0};
    OK(sr_backup(repository, source, &options, none, &report, &error));
    CHECK(one.dropped == 1);
    CHECK(report->outcome == SR_OUTCOME_COMPLETE && report->files == 1 && report->bytes == 3000000);
    FAILS(SR_ERROR_KIND_CLOSED, sr_backup(repository, source, &options, none, NULL, &error));
    sr_source_close(source);

    const sr_snapshot_listing *snapshots;
    OK(sr_snapshots(repository, NULL, &snapshots, &error));
    CHECK(snapshots->snapshots_count == 1 && snapshots->rejected_count == 0);
    CHECK(strcmp(snapshots->snapshots[0].id, report->snapshot) == 0);
    CHECK(snapshots->snapshots[0].tags_count == 2 && strcmp(snapshots->snapshots[0].tags[0], "daily") == 0);
    sr_free(snapshots);

    sr_listing listing;
    OK(sr_list(repository, report->snapshot, bytes(""), true, &listing, &error));
    const sr_entry_list *batch;
    OK(sr_listing_next(listing, 1000, &batch, &error));
    CHECK(batch->count == 2 && batch->items[0].kind == SR_ENTRY_KIND_DIRECTORY);
    CHECK(batch->items[1].path.length == 11 && memcmp(batch->items[1].path.data, "dumps/\xff.sql", 12) == 0);
    CHECK(batch->items[1].mode == 0640 && batch->items[1].size == 3000000);
    sr_free(batch);
    OK(sr_listing_next(listing, 1000, &batch, &error));
    CHECK(batch->count == 0 && batch->items == NULL);
    sr_free(batch);
    sr_listing_close(listing);
    sr_listing_close(listing);
    FAILS(SR_ERROR_KIND_CLOSED, sr_listing_next(listing, 1, &batch, &error));

    sr_file file;
    OK(sr_open_file(repository, report->snapshot, bytes("dumps/\xff.sql"), &file, &error));
    uint8_t buffer[100];
    size_t count = 7;
    OK(sr_file_read_at(file, 2999990, buffer, sizeof buffer, &count, &error));
    CHECK(count == 10);
    stream again = {.left = 3000000};
    static uint8_t whole[3000000];
    sr_failure failure;
    CHECK(read_stream(&again, whole, sizeof whole, &count, &failure) == SR_OK);
    CHECK(memcmp(buffer, whole + 2999990, 10) == 0);
    OK(sr_file_read(file, buffer, sizeof buffer, &count, &error));
    CHECK(count == 100 && memcmp(buffer, whole, 100) == 0);
    sr_file_close(file);

    size_t written = 0;
    sr_writer_callbacks writer = {.struct_size = sizeof writer, .user_data = &written, .write = write_all};
    OK(sr_export_tar(repository, report->snapshot, bytes(""), &writer, none, NULL, &error));
    CHECK(written > 3000000 && written % 512 == 0);

    all.reenter = repository;
    const sr_check_report *checked;
    sr_check_options thorough = {.struct_size = sizeof thorough, .has_read_data = true, .read_data = 100};
    OK(sr_check(repository, &thorough, none, &checked, &error));
    CHECK(checked->problem_count == 0 && checked->packs_read > 0);
    sr_free(checked);
    all.reenter.id = 0;

    /* What storage says of its failure comes through. */
    all.fail_puts = 1;
    stream other = {.left = 500000};
    reader = reader_of(&other);
    OK(sr_source_reader(&place, &reader, &source, &error));
    const sr_error_record *error = NULL;
    CHECK(sr_backup(repository, source, NULL, none, NULL, &error) == SR_ERROR_KIND_STORAGE_FULL);
    CHECK(error->has_payload && error->payload == 4711 && error->causes_count >= 1);
    sr_free(error);
    all.fail_puts = 0;

    /* A stream that fails, one that lies, one that cancels from within. */
    stream failing = {.left = 5000000, .fails_after = 2};
    reader = reader_of(&failing);
    OK(sr_source_reader(&place, &reader, &source, &error));
    error = NULL;
    CHECK(sr_backup(repository, source, NULL, none, NULL, &error) == SR_ERROR_KIND_CALLBACK);
    CHECK(error->has_payload && error->payload == 42 && failing.dropped == 1);
    sr_free(error);
    reader.read = lying_stream;
    OK(sr_source_reader(&place, &reader, &source, &error));
    FAILS(SR_ERROR_KIND_INVALID_ARGUMENT, sr_backup(repository, source, NULL, none, NULL, &error));
    sr_run run;
    OK(sr_run_new(NULL, NULL, NULL, &run, &error));
    stream cancelling = {.left = 50000000, .cancels = run};
    reader = reader_of(&cancelling);
    OK(sr_source_reader(&place, &reader, &source, &error));
    FAILS(SR_ERROR_KIND_CANCELLED, sr_backup(repository, source, NULL, run, NULL, &error));
    sr_run_close(run);

    /* A handle that watches a run, and one that does not. */
    sr_repository watching;
    OK(sr_run_new(NULL, NULL, NULL, &run, &error));
    OK(sr_repository_cancelled_by(repository, run, &watching, &error));
    const sr_key_list *keys;
    OK(sr_keys(watching, &keys, &error));
    sr_free(keys);
    OK(sr_run_cancel(run, &error));
    FAILS(SR_ERROR_KIND_CANCELLED, sr_keys(watching, &keys, &error));
    OK(sr_keys(repository, &keys, &error));
    sr_free(keys);
    sr_repository_close(watching);
    sr_run_close(run);

    sr_free(report);
    sr_free(report); /* freed twice: left alone */
    sr_repository_close(repository);
    sr_repository_close(repository);
    /* A thread of the last operation may be about to end, and holds the storage until it has. */
    for (int tries = 0; tries < 3000 && !all.dropped; tries++) {
        struct timespec pause = {0, 10000000};
        thrd_sleep(&pause, NULL);
    }
    CHECK(all.dropped == 1);
    empty(&all);
}

static void bad_input(void) {
    sr_backend backend = {0};
    sr_secret secret = {0};
    sr_repository repository = {0};
    sr_run none = {0};
    const char *text_out = NULL;
    FAILS(SR_ERROR_KIND_INVALID_ARGUMENT, sr_backend_memory(NULL, &error));
    FAILS(SR_ERROR_KIND_INVALID_ARGUMENT, sr_repository_open(backend, secret, NULL, NULL, &repository, &error));
    FAILS(SR_ERROR_KIND_INVALID_ARGUMENT, sr_repository_id(repository, &text_out, &error));
    CHECK(text_out == NULL && repository.id == 0);
    CHECK(sr_repository_id(repository, &text_out, NULL) == SR_ERROR_KIND_INVALID_ARGUMENT);

    OK(sr_backend_memory(&backend, &error));
    repository = make(backend);
    /* Numbers that are no handles, or handles of something else. */
    for (uint64_t id = 1; id < 200; id++) {
        sr_repository wrong = {id * 0x0123456789abcdefu};
        CHECK(sr_repository_id(wrong, &text_out, NULL) != SR_OK);
        sr_repository_close(wrong);
    }
    sr_repository mistaken = {backend.id};
    FAILS(SR_ERROR_KIND_INVALID_ARGUMENT, sr_repository_id(mistaken, &text_out, &error));
    sr_repository_close(mistaken);
    OK(sr_repository_id(repository, &text_out, &error));
    CHECK(strlen(text_out) == 32);
    sr_free(text_out);

    /* Text and bytes. */
    const sr_snapshot *snapshot;
    FAILS(SR_ERROR_KIND_INVALID_ARGUMENT, sr_get_snapshot(repository, NULL, NULL, &snapshot, &error));
    FAILS(SR_ERROR_KIND_INVALID_ARGUMENT, sr_get_snapshot(repository, "\xff\xfe", NULL, &snapshot, &error));
    FAILS(SR_ERROR_KIND_INVALID_ARGUMENT, sr_get_snapshot(repository, "", NULL, &snapshot, &error));
    FAILS(SR_ERROR_KIND_NOT_FOUND, sr_get_snapshot(repository, "latest", NULL, &snapshot, &error));
    sr_bytes nowhere = {NULL, 5}, endless = {(const uint8_t *)"x", SIZE_MAX}, with_nul = {(const uint8_t *)"a\0b", 3};
    FAILS(SR_ERROR_KIND_INVALID_ARGUMENT, sr_secret_passphrase(nowhere, &secret, &error));
    FAILS(SR_ERROR_KIND_INVALID_ARGUMENT, sr_secret_passphrase(endless, &secret, &error));
    FAILS(SR_ERROR_KIND_INVALID_ARGUMENT, sr_secret_account_key(bytes("too short"), &secret, &error));
    FAILS(SR_ERROR_KIND_INVALID_ARGUMENT, sr_backend_local(with_nul, true, &backend, &error));
    FAILS(SR_ERROR_KIND_INVALID_ARGUMENT, sr_backend_local(bytes(""), true, &backend, &error));

    /* Options of the wrong size, and of other versions. */
    struct {
        sr_prune_options known;
        char newer[64];
    } options;
    memset(&options, 0, sizeof options);
    FAILS(SR_ERROR_KIND_INVALID_ARGUMENT, sr_prune(repository, &options.known, none, NULL, &error));
    options.known.struct_size = SIZE_MAX;
    FAILS(SR_ERROR_KIND_INVALID_ARGUMENT, sr_prune(repository, &options.known, none, NULL, &error));
    options.known.struct_size = sizeof options;
    options.known.dry_run = true;
    OK(sr_prune(repository, &options.known, none, NULL, &error));
    options.newer[60] = 1;
    FAILS(SR_ERROR_KIND_UNSUPPORTED, sr_prune(repository, &options.known, none, NULL, &error));
    options.known.struct_size = sizeof(size_t);
    OK(sr_prune(repository, &options.known, none, NULL, &error));

    /* Sources and callbacks. */
    sr_source source = {0};
    sr_reader_callbacks reader = {.struct_size = sizeof reader};
    FAILS(SR_ERROR_KIND_INVALID_ARGUMENT, sr_source_tar(&reader, &source, &error));
    OK(sr_source_files(NULL, &source, &error));
    FAILS(SR_ERROR_KIND_INVALID_ARGUMENT, sr_backup(repository, source, NULL, none, NULL, &error));
    sr_backend_callbacks callbacks = {.struct_size = sizeof callbacks};
    FAILS(SR_ERROR_KIND_INVALID_ARGUMENT, sr_backend_host(&callbacks, &backend, &error));
    FAILS(SR_ERROR_KIND_INVALID_ARGUMENT, sr_backend_host(NULL, &backend, &error));
    const char *slot = NULL;
    FAILS(SR_ERROR_KIND_INVALID_ARGUMENT, sr_add_recovery_code(repository, 99, NULL, NULL, &slot, &error));
    sr_restore_options restore = {.struct_size = sizeof restore, .target = bytes("/nowhere"), .overwrite = 77};
    FAILS(SR_ERROR_KIND_INVALID_ARGUMENT, sr_restore(repository, "00", &restore, none, NULL, &error));
    FAILS(SR_ERROR_KIND_INVALID_ARGUMENT, sr_copy_to(repository, NULL, 3, NULL, none, NULL, &error));

    /* What was never handed out is not freed. */
    int local = 0;
    sr_free(NULL);
    sr_free(&local);
    sr_free((const void *)(uintptr_t)0xdeadbeef);

    sr_repository_close(repository);
    FAILS(SR_ERROR_KIND_CLOSED, sr_repository_id(repository, &text_out, &error));
    sr_backend_close(backend);
    sr_backend_close(backend);
    CHECK(strcmp(sr_error_kind_name(SR_ERROR_KIND_CLOSED), "closed") == 0 && sr_error_kind_name(5000) == NULL);
    CHECK(strlen(sr_version()) >= 5);
}

/* ---- what ends openings, waits and comparisons ---- */

static void *cancel_soon(void *data) {
    thrd_sleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    sr_run_cancel(*(sr_run *)data, NULL);
    return NULL;
}

static sr_status dawdle(void *data, const sr_progress *progress, sr_failure *failure) {
    (void)progress;
    (void)failure;
    (*(atomic_int *)data)++;
    thrd_sleep(&(struct timespec){.tv_sec = 1}, NULL);
    return SR_OK;
}

static void stopping(void) {
    storage all = {.lock = PTHREAD_MUTEX_INITIALIZER, .busy = true};
    sr_backend backend, impatient, patient, waiting, unused_backend;
    sr_secret secret;
    sr_repository repository, unused;
    sr_backend_callbacks callbacks = callbacks_of(&all);
    OK(sr_backend_host(&callbacks, &backend, &error));
    OK(sr_secret_passphrase(bytes("correct horse"), &secret, &error));

    sr_retry_options twice = {.struct_size = sizeof twice, .tries = 2}, thrice = {.struct_size = sizeof thrice, .tries = 3};
    OK(sr_backend_retry(backend, &twice, &impatient, &error));
    OK(sr_backend_retry(backend, &thrice, &patient, &error));
    sr_create_options create = {.struct_size = sizeof create, .cost = cheapest()};
    FAILS(SR_ERROR_KIND_UNAVAILABLE, sr_repository_create(impatient, secret, &create, NULL, &unused, &error));
    all.puts = 0;
    OK(sr_repository_create(patient, secret, &create, NULL, &repository, &error));
    CHECK(all.puts >= 3);
    all.busy = false;

    sr_run run, none = {0};
    sr_source source;
    sr_differences differences;
    const sr_difference_list *list = NULL;
    const sr_backup_report *first, *second;
    sr_stream_options place = {.struct_size = sizeof place, .path = bytes("a")};
    OK(sr_source_bytes(&place, bytes("one"), &source, &error));
    OK(sr_backup(repository, source, NULL, none, &first, &error));
    OK(sr_source_bytes(&place, bytes("two"), &source, &error));
    OK(sr_backup(repository, source, NULL, none, &second, &error));
    OK(sr_run_new(NULL, NULL, NULL, &run, &error));
    OK(sr_diff(repository, first->snapshot, second->snapshot, run, &differences, &error));
    OK(sr_differences_next(differences, 10, &list, &error));
    CHECK(list->count == 1 && list->items[0].change == SR_CHANGE_KIND_CHANGED);
    sr_free(list);
    sr_differences_close(differences);
    /* Closing what it compared leaves the run to others; cancelling it ends what comes after. */
    OK(sr_diff(repository, first->snapshot, second->snapshot, run, &differences, &error));
    sr_differences_close(differences);
    OK(sr_run_cancel(run, &error));
    OK(sr_diff(repository, first->snapshot, second->snapshot, run, &differences, &error));
    FAILS(SR_ERROR_KIND_CANCELLED, sr_differences_next(differences, 10, &list, &error));
    sr_differences_close(differences);
    FAILS(SR_ERROR_KIND_INVALID_ARGUMENT,
          sr_diff(repository, first->snapshot, second->snapshot, (sr_run){4711}, &differences, &error));
    sr_free(first);
    sr_free(second);

    sr_open_options open = {.struct_size = sizeof open, .run = run};
    FAILS(SR_ERROR_KIND_CANCELLED, sr_repository_open(backend, secret, &open, NULL, &unused, &error));
    create.run = run;
    FAILS(SR_ERROR_KIND_CANCELLED, sr_repository_create(backend, secret, &create, NULL, &unused, &error));
    /* Options of a caller that was compiled before they had a run. */
    open.struct_size = offsetof(sr_open_options, run);
    OK(sr_repository_open(backend, secret, &open, NULL, &unused, &error));
    sr_repository_close(unused);
    sr_run_close(run);

    all.down = true;
    OK(sr_run_new(NULL, NULL, NULL, &run, &error));
    sr_retry_options until = {.struct_size = sizeof until, .longest_wait_ms = 30000, .run = run};
    OK(sr_backend_retry(backend, &until, &waiting, &error));
    pthread_t canceller;
    time_t begun = time(NULL);
    CHECK(pthread_create(&canceller, NULL, cancel_soon, &run) == 0);
    FAILS(SR_ERROR_KIND_CANCELLED, sr_repository_open(waiting, secret, NULL, NULL, &unused, &error));
    CHECK(time(NULL) - begun < 10);
    CHECK(pthread_join(canceller, NULL) == 0);
    FAILS(SR_ERROR_KIND_INVALID_ARGUMENT, sr_backend_retry((sr_backend){0}, NULL, &unused_backend, &error));

    all.down = false;
    sr_run_close(run);

    /* A listener that blocks holds nothing up: what it is too slow for is left out. */
    static atomic_int heard;
    const sr_check_report *checked;
    OK(sr_run_new(NULL, dawdle, &heard, &run, &error));
    OK(sr_check(repository, NULL, run, &checked, &error));
    CHECK(checked->problem_count == 0 && heard <= 2);
    sr_free(checked);
    sr_run_close(run);

    /* Lengths that no memory has room for. */
    sr_file file;
    sr_listing listing;
    uint8_t buffer[8];
    size_t count = 7;
    const sr_entry_list *batch;
    const sr_snapshot *snapshot;
    OK(sr_get_snapshot(repository, "latest", NULL, &snapshot, &error));
    OK(sr_open_file(repository, snapshot->id, bytes("a"), &file, &error));
    OK(sr_file_read_at(file, UINT64_MAX, buffer, sizeof buffer, &count, &error));
    CHECK(count == 0);
    FAILS(SR_ERROR_KIND_INVALID_ARGUMENT, sr_file_read_at(file, 0, buffer, SIZE_MAX, &count, &error));
    FAILS(SR_ERROR_KIND_INVALID_ARGUMENT, sr_file_read_at(file, 0, NULL, 8, &count, &error));
    sr_file_close(file);
    OK(sr_list(repository, snapshot->id, bytes(""), true, &listing, &error));
    OK(sr_listing_next(listing, SIZE_MAX, &batch, &error));
    CHECK(batch->count == 1);
    sr_free(batch);
    sr_listing_close(listing);
    sr_free(snapshot);

    sr_repository_close(repository);
    sr_secret_close(secret);
    sr_backend_close(impatient);
    sr_backend_close(patient);
    sr_backend_close(waiting);
    sr_backend_close(backend);
    CHECK(all.dropped == 1);
    empty(&all);
}

/* ---- many threads, one of which closes ---- */

typedef struct {
    sr_repository repository;
    sr_file file;
    int closes;
} shared;

static void *use(void *data) {
    shared *all = data;
    for (int round = 0; round < 200; round++) {
        const sr_key_list *keys = NULL;
        uint8_t buffer[64];
        size_t count;
        sr_status status = sr_keys(all->repository, &keys, NULL);
        CHECK(status == SR_OK || status == SR_ERROR_KIND_CLOSED);
        sr_free(keys);
        status = sr_file_read_at(all->file, (uint64_t)round, buffer, sizeof buffer, &count, NULL);
        CHECK(status == SR_OK || status == SR_ERROR_KIND_CLOSED);
        if (all->closes && round == 100) {
            sr_repository_close(all->repository);
            sr_file_close(all->file);
        }
    }
    return NULL;
}

static void threads(void) {
    sr_backend backend;
    sr_source source;
    sr_run none = {0};
    OK(sr_backend_memory(&backend, &error));
    shared all = {.repository = make(backend)}, closing;
    sr_stream_options place = {.struct_size = sizeof place, .path = bytes("a")};
    OK(sr_source_bytes(&place, bytes("some bytes that several threads read at once"), &source, &error));
    const sr_backup_report *report;
    OK(sr_backup(all.repository, source, NULL, none, &report, &error));
    OK(sr_open_file(all.repository, report->snapshot, bytes("a"), &all.file, &error));
    sr_free(report);
    closing = all;
    closing.closes = 1;
    pthread_t workers[8];
    for (int i = 0; i < 8; i++) CHECK(pthread_create(&workers[i], NULL, use, i == 3 ? &closing : &all) == 0);
    for (int i = 0; i < 8; i++) CHECK(pthread_join(workers[i], NULL) == 0);
    sr_backend_close(backend);
}

int main(void) {
    round_trip();
    bad_input();
    stopping();
    threads();
    printf("1 passed, 0 failed: %d checks\n", checks);
    return 0;
}
