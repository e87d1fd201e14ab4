/* Backs up a folder, shows the snapshots, and restores the newest: backup FOLDER REPOSITORY TARGET
 * The passphrase is in STRONGROOM_PASSPHRASE, or is "correct horse" for this example's sake. */
#include <strongroom.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static sr_bytes bytes(const char *text) {
    sr_bytes made = {(const uint8_t *)text, strlen(text)};
    return made;
}

/* Ends the program with what the library says. */
static void check(sr_status status, const sr_error_record *error) {
    if (status == SR_OK) return;
    fprintf(stderr, "backup: %s (%s)\n", error->message, error->kind_name);
    sr_free(error);
    exit(1);
}

static sr_status show(void *user_data, const sr_progress *progress, sr_failure *failure) {
    (void)user_data, (void)failure;
    fprintf(stderr, "\r%llu bytes", (unsigned long long)progress->bytes);
    return SR_OK;
}

int main(int count, char **arguments) {
    if (count != 4) {
        fprintf(stderr, "usage: backup FOLDER REPOSITORY TARGET\n");
        return 2;
    }
    const char *passphrase = getenv("STRONGROOM_PASSPHRASE");
    const sr_error_record *error = NULL;

    sr_backend backend;
    sr_secret secret;
    check(sr_backend_local(bytes(arguments[2]), true, &backend, &error), error);
    check(sr_secret_passphrase(bytes(passphrase ? passphrase : "correct horse"), &secret, &error), error);

    /* Opens the repository, or creates it where there is none. */
    sr_repository repository;
    sr_status status = sr_repository_open(backend, secret, NULL, NULL, &repository, &error);
    if (status == SR_ERROR_KIND_NOT_FOUND) {
        sr_free(error);
        error = NULL;
        status = sr_repository_create(backend, secret, NULL, NULL, &repository, &error);
    }
    check(status, error);
    sr_secret_close(secret);
    sr_backend_close(backend);

    /* Backs up with at most two threads, and shows progress. */
    sr_bytes folder = bytes(arguments[1]);
    sr_files_options files = {.struct_size = sizeof files, .paths = &folder, .paths_count = 1};
    sr_source source;
    check(sr_source_files(&files, &source, &error), error);
    sr_budget budget = {.struct_size = sizeof budget, .threads = 2};
    sr_run run;
    check(sr_run_new(&budget, show, NULL, &run, &error), error);
    const char *tags[] = {"example"};
    sr_backup_options options = {.struct_size = sizeof options, .tags = tags, .tags_count = 1};
    const sr_backup_report *report;
    check(sr_backup(repository, source, &options, run, &report, &error), error);
    sr_run_close(run);
    printf("\n%s: %llu files, %llu bytes stored\n", report->snapshot, (unsigned long long)report->files,
           (unsigned long long)report->stored_bytes);
    for (size_t i = 0; i < report->problems_count; i++)
        printf("not read: %s: %s\n", (const char *)report->problems[i].path.data, report->problems[i].detail);

    const sr_snapshot_listing *snapshots;
    check(sr_snapshots(repository, NULL, &snapshots, &error), error);
    for (size_t i = 0; i < snapshots->snapshots_count; i++)
        printf("%.8s  %llu entries\n", snapshots->snapshots[i].id,
               (unsigned long long)snapshots->snapshots[i].counts.entries);
    sr_free(snapshots);

    sr_restore_options restore = {.struct_size = sizeof restore, .target = bytes(arguments[3])};
    sr_run defaults = {0};
    check(sr_restore(repository, report->snapshot, &restore, defaults, NULL, &error), error);
    printf("restored to %s\n", arguments[3]);

    sr_free(report);
    sr_repository_close(repository);
    return 0;
}
