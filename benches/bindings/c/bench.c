/* The C interface under the benchmark that all bindings share:
 *   bench backup SOURCE REPOSITORY | restore REPOSITORY TARGET | calls REPOSITORY N
 * Local state is in REPOSITORY.state. `calls` looks one path of the newest snapshot up, N times, and prints the seconds. */
#define _POSIX_C_SOURCE 200809L
#include <strongroom.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const sr_error_record *error;

static void ok(sr_status status) {
    if (status == SR_OK) return;
    fprintf(stderr, "%s\n", error ? error->message : "it failed");
    exit(1);
}

static sr_bytes bytes(const char *text) { return (sr_bytes){(const uint8_t *)text, strlen(text)}; }

static sr_status hear(void *data, const sr_progress *progress, sr_failure *failure) {
    (void)data;
    (void)progress;
    (void)failure;
    return SR_OK;
}

static sr_repository open_it(const char *place) {
    char *state = malloc(strlen(place) + sizeof ".state");
    sr_backend backend;
    sr_secret secret;
    sr_repository repository;
    strcat(strcpy(state, place), ".state");
    ok(sr_backend_local(bytes(place), true, &backend, &error));
    ok(sr_secret_passphrase(bytes("correct horse battery staple"), &secret, &error));
    sr_open_options open = {.struct_size = sizeof open, .state_folder = bytes(state)};
    sr_create_options create = {.struct_size = sizeof create, .state_folder = bytes(state)};
    sr_status status = sr_repository_open(backend, secret, &open, NULL, &repository, &error);
    if (status == SR_ERROR_KIND_NOT_FOUND) {
        sr_free(error);
        status = sr_repository_create(backend, secret, &create, NULL, &repository, &error);
    }
    ok(status);
    sr_secret_close(secret);
    sr_backend_close(backend);
    free(state);
    return repository;
}

static char *newest(sr_repository repository) {
    const sr_snapshot *snapshot;
    ok(sr_get_snapshot(repository, "latest", NULL, &snapshot, &error));
    char *id = strcpy(malloc(strlen(snapshot->id) + 1), snapshot->id);
    sr_free(snapshot);
    return id;
}

static void backup(const char *source, const char *place, sr_run run) {
    sr_bytes path = bytes(source);
    sr_files_options files = {.struct_size = sizeof files, .paths = &path, .paths_count = 1};
    sr_source from;
    const sr_backup_report *report;
    sr_repository repository = open_it(place);
    ok(sr_source_files(&files, &from, &error));
    ok(sr_backup(repository, from, NULL, run, &report, &error));
    printf("%llu files\n", (unsigned long long)report->files);
    sr_free(report);
    sr_repository_close(repository);
}

static void restore(const char *place, const char *target, sr_run run) {
    sr_restore_options options = {.struct_size = sizeof options, .target = bytes(target)};
    const sr_restore_report *report;
    sr_repository repository = open_it(place);
    char *snapshot = newest(repository);
    ok(sr_restore(repository, snapshot, &options, run, &report, &error));
    printf("%llu files\n", (unsigned long long)report->files);
    sr_free(report);
    free(snapshot);
    sr_repository_close(repository);
}

static void calls(const char *place, unsigned long count) {
    sr_repository repository = open_it(place);
    char *snapshot = newest(repository);
    sr_listing listing;
    const sr_entry_list *batch, *found = NULL;
    sr_bytes path = {0};
    ok(sr_list(repository, snapshot, (sr_bytes){0}, true, &listing, &error));
    while (!found) {
        ok(sr_listing_next(listing, 256, &batch, &error));
        for (size_t i = 0; i < batch->count && !found; i++)
            if (batch->items[i].kind == SR_ENTRY_KIND_FILE) {
                found = batch;
                path = batch->items[i].path;
            }
        if (batch->count == 0) exit(1);
        if (!found) sr_free(batch);
    }
    sr_listing_close(listing);
    struct timespec begun, ended;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    for (unsigned long i = 0; i < count; i++) {
        const sr_entry *entry;
        ok(sr_get_entry(repository, snapshot, path, &entry, &error));
        sr_free(entry);
    }
    clock_gettime(CLOCK_MONOTONIC, &ended);
    printf("%.6f\n", (double)(ended.tv_sec - begun.tv_sec) + (double)(ended.tv_nsec - begun.tv_nsec) / 1e9);
    sr_free(found);
    free(snapshot);
    sr_repository_close(repository);
}

int main(int count, char **arguments) {
    sr_run run;
    ok(sr_run_new(NULL, hear, NULL, &run, &error));
    if (count == 4 && strcmp(arguments[1], "backup") == 0)
        backup(arguments[2], arguments[3], run);
    else if (count == 4 && strcmp(arguments[1], "restore") == 0)
        restore(arguments[2], arguments[3], run);
    else if (count == 4 && strcmp(arguments[1], "calls") == 0)
        calls(arguments[2], strtoul(arguments[3], NULL, 10));
    else
        return fprintf(stderr, "bench backup SOURCE REPOSITORY | restore REPOSITORY TARGET | calls REPOSITORY N\n"), 2;
    sr_run_close(run);
    return 0;
}
