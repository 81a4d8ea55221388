/*
 * Calls CNI plugins as a runtime does, in turns, and says how long each ADD took: from the fork until its output has
 * ended and it is gone. Each is followed by a DEL that is not timed.
 *
 *     plugins ROUNDS { NAME PLUGIN CONFIGURATION NETNS }...       (the configuration is a file)
 *
 * CNI_PATH is its caller's. Prints a line for each ADD: the name and nanoseconds. Where a plugin fails, it prints what
 * the plugin printed and ends.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CONTESTANTS_MAX 8
/* The first ones find caches that are cold. */
#define UNTIMED 5

struct contestant {
    const char *name, *plugin, *netns;
    char configuration[65536];
    ssize_t length;
};

static void fail(const char *what) {
    fprintf(stderr, "plugins: %s: %s\n", what, strerror(errno));
    exit(1);
}

static long long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void call(const struct contestant *contestant, const char *command, char *output, size_t size) {
    extern char **environ;
    int in[2], out[2], status;
    pid_t pid;
    posix_spawn_file_actions_t actions;
    char *words[] = {(char *)contestant->plugin, NULL};
    setenv("CNI_COMMAND", command, 1);
    if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0) fail("pipe");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    errno = posix_spawn(&pid, contestant->plugin, &actions, NULL, words, environ);
    if (errno != 0) fail(contestant->plugin);
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    if (write(in[1], contestant->configuration, contestant->length) != contestant->length) fail("write");
    close(in[1]);
    size_t length = 0;
    for (ssize_t got; (got = read(out[0], output + length, size - 1 - length)) > 0;) length += got;
    output[length] = '\0';
    close(out[0]);
    if (waitpid(pid, &status, 0) < 0) fail("waitpid");
    if (status != 0) {
        fprintf(stderr, "plugins: %s %s: %s\n", contestant->name, command, output);
        exit(1);
    }
}

static void read_configuration(struct contestant *contestant, const char *path) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    contestant->length = file < 0 ? -1 : read(file, contestant->configuration, sizeof contestant->configuration);
    if (contestant->length < 0) fail(path);
    close(file);
}

int main(int count, char **words) {
    static struct contestant contestants[CONTESTANTS_MAX];
    static char output[1 << 16];
    int many = (count - 2) / 4;
    if (many < 1 || many > CONTESTANTS_MAX || count != 2 + 4 * many) {
        fprintf(stderr, "usage: plugins ROUNDS { NAME PLUGIN CONFIGURATION NETNS }...\n");
        return 2;
    }
    for (int index = 0; index < many; index += 1) {
        char **of = words + 2 + 4 * index;
        contestants[index].name = of[0];
        contestants[index].plugin = of[1];
        read_configuration(&contestants[index], of[2]);
        contestants[index].netns = of[3];
    }
    signal(SIGPIPE, SIG_IGN);
    setenv("CNI_IFNAME", "eth0", 1);
    for (int round = -UNTIMED; round < atoi(words[1]); round += 1) {
        for (int turn = 0; turn < many; turn += 1) {
            /* Nobody is always the first. */
            const struct contestant *contestant = &contestants[(turn + round + UNTIMED) % many];
            char id[64];
            snprintf(id, sizeof id, "%s-%d", contestant->name, round + UNTIMED);
            setenv("CNI_CONTAINERID", id, 1);
            setenv("CNI_NETNS", contestant->netns, 1);
            long long began = now();
            call(contestant, "ADD", output, sizeof output);
            long long took = now() - began;
            if (round >= 0) printf("%s %lld\n", contestant->name, took);
            call(contestant, "DEL", output, sizeof output);
        }
    }
    return 0;
}
