/*
 * One call of a CNI runtime, carried to the agent of this host, and the agent's answer carried back.
 *
 * It parses neither configuration nor result: whatever could be got wrong there is the agent's. By itself it knows what
 * to say when no agent answers, and the versions of the specification. It ends within two seconds, whatever hangs.
 *
 * Request:  length (4 bytes, big-endian), then that many bytes: entries KEY=VALUE\0, an empty entry \0, all of stdin.
 * Answer:   exit code (1 byte), length (4 bytes, big-endian), then that many bytes for stdout.
 * Receipt:  the byte 'k' once stdout has all of it. An agent that gets none undoes an ADD.
 *
 * The socket: $STARLING_CNI_SOCKET, else the first line of the file beside this program that is called as it is with
 * ".socket" behind, else /run/starling/cni.sock. A DEL that no agent answers becomes a file in "del" beside the socket.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define DEADLINE_MS 2000
#define STDIN_MAX (1u << 20)
#define ENTRIES_MAX (256u << 10)
#define ANSWER_MAX (1u << 20)
/* What waits for an agent: a host has about a thousand containers, and a configuration a few kB. */
#define QUEUE_FILES_MAX 4096
#define QUEUE_BYTES_MAX (64ll << 20)
/* As much as a pipe that poll() calls writable takes without blocking. */
#define CHUNK 4096

#define VERSIONS "\"0.1.0\",\"0.2.0\",\"0.3.0\",\"0.3.1\",\"0.4.0\",\"1.0.0\",\"1.1.0\""

/* Codes of the specification. */
enum { BAD_ENVIRONMENT = 4, IO_FAILED = 5, TRY_LATER = 11, UNAVAILABLE = 50 };

/* Grows up to `max` bytes and not beyond. */
struct bytes {
    char *at;
    size_t length, room, max;
};

static int64_t ends_at;
static char socket_path[sizeof((struct sockaddr_un *)0)->sun_path];
static struct bytes config = {.max = STDIN_MAX};

static int64_t clock_ms(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static int remaining_ms(void)
{
    int64_t left = ends_at - clock_ms(CLOCK_MONOTONIC);
    return left > 0 ? (int)left : 0;
}

/* False: not within the deadline. */
static bool ready(int fd, short events)
{
    struct pollfd one = {.fd = fd, .events = events};
    int found;
    do
        found = poll(&one, 1, remaining_ms());
    while (found < 0 && errno == EINTR);
    return found > 0;
}

static bool append(struct bytes *to, const void *from, size_t length)
{
    if (length > to->max - to->length)
        return false;
    if (to->room < to->length + length) {
        size_t room = (to->length + length) * 2;
        char *moved = realloc(to->at, room);
        if (!moved)
            return false;
        to->at = moved;
        to->room = room;
    }
    memcpy(to->at + to->length, from, length);
    to->length += length;
    return true;
}

static bool write_all(int fd, const char *from, size_t length, bool waits)
{
    while (length > 0) {
        if (waits && !ready(fd, POLLOUT))
            return false;
        ssize_t written = write(fd, from, length < CHUNK ? length : CHUNK);
        if (written < 0 && errno != EINTR && errno != EAGAIN)
            return false;
        if (written > 0) {
            from += written;
            length -= (size_t)written;
        }
    }
    return true;
}

/* ---- what this program says by itself ------------------------------------------------------------------------- */

/* The configuration's cniVersion where it is one of ours, found by its letters: only an error carries it. */
static const char *config_version(void)
{
    static char version[sizeof "\"0.1.0\""];
    const char key[] = "\"cniVersion\"";
    const char *at = config.at ? memmem(config.at, config.length, key, sizeof key - 1) : NULL;
    if (at) {
        const char *end = config.at + config.length;
        at += sizeof key - 1;
        while (at < end && (*at == ' ' || *at == ':' || *at == '\t' || *at == '\n' || *at == '\r'))
            at++;
        if ((size_t)(end - at) >= sizeof version - 1) {
            memcpy(version, at, sizeof version - 1);
            if (version[0] == '"' && version[6] == '"' && strstr(VERSIONS, version)) {
                version[6] = '\0';
                return version + 1;
            }
        }
    }
    return "1.0.0";
}

/* `text` is ours and needs no escapes. */
static int fail(int code, const char *text)
{
    char line[1024];
    int length = snprintf(line, sizeof line, "{\"cniVersion\":\"%s\",\"code\":%d,\"msg\":\"%s\"}\n",
                          config_version(), code, text);
    if (length > 0 && (size_t)length < sizeof line)
        write_all(STDOUT_FILENO, line, (size_t)length, true);
    return 1;
}

static int versions(void)
{
    static const char answer[] = "{\"cniVersion\":\"1.1.0\",\"supportedVersions\":[" VERSIONS "]}\n";
    return write_all(STDOUT_FILENO, answer, sizeof answer - 1, true) ? 0 : 1;
}

static int about(void)
{
    fputs("starling-ipam: gives containers addresses of this host's subnet by the starling agent.\n"
          "CNI protocol versions supported: 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0\n",
          stderr);
    return 0;
}

/* ---- what the agent is told ----------------------------------------------------------------------------------- */

static bool entry(struct bytes *to, const char *format, ...)
{
    char text[256];
    va_list values;
    va_start(values, format);
    int length = vsnprintf(text, sizeof text, format, values);
    va_end(values);
    return length > 0 && (size_t)length < sizeof text && append(to, text, (size_t)length + 1);
}

/* The first line of a small file; false: there is none. */
static bool first_line(const char *path, char *line, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t length = read(fd, line, size - 1);
    close(fd);
    if (length <= 0)
        return false;
    line[length] = '\0';
    line[strcspn(line, "\n")] = '\0';
    return true;
}

/* When the process of a /proc/PID/ns/net began, in ticks since the boot: its number is given to others later. */
static unsigned long long start_of(const char *netns)
{
    char path[64], line[1024];
    int pid, end = 0;
    if (sscanf(netns, "/proc/%d/%n", &pid, &end) != 1 || end == 0)
        return 0;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    if (!first_line(path, line, sizeof line))
        return 0;
    /* The second field is the program's name, which may hold anything; the last bracket ends it. */
    const char *at = strrchr(line, ')');
    unsigned long long ticks = 0;
    if (!at || sscanf(at + 1, " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu",
                      &ticks) != 1)
        return 0;
    return ticks;
}

/* Entries of CNI_* and our own; false: too many. What the kernel does not tell is left out. */
static bool describe(struct bytes *to)
{
    extern char **environ;
    for (char **variable = environ; *variable; variable++)
        if (strncmp(*variable, "CNI_", 4) == 0 && !append(to, *variable, strlen(*variable) + 1))
            return false;
    bool fits = entry(to, "STARLING_PROTOCOL=1") &&
                entry(to, "STARLING_UPTIME_MS=%lld", (long long)clock_ms(CLOCK_BOOTTIME));
    char boot[64];
    if (first_line("/proc/sys/kernel/random/boot_id", boot, sizeof boot))
        fits = fits && entry(to, "STARLING_BOOT_ID=%s", boot);
    const char *netns = getenv("CNI_NETNS");
    struct stat stats;
    if (netns && *netns && stat(netns, &stats) == 0) {
        fits = fits && entry(to, "STARLING_NETNS=%llu:%llu", (unsigned long long)stats.st_dev,
                             (unsigned long long)stats.st_ino);
        unsigned long long ticks = start_of(netns);
        if (ticks)
            fits = fits && entry(to, "STARLING_NETNS_START=%llu", ticks);
    }
    return fits && append(to, "", 1);
}

/* ---- the conversation ----------------------------------------------------------------------------------------- */

static void find_socket(void)
{
    const char *named = getenv("STARLING_CNI_SOCKET");
    char beside[PATH_MAX + sizeof ".socket"], line[PATH_MAX];
    if (!named || !*named) {
        ssize_t length = readlink("/proc/self/exe", beside, PATH_MAX);
        if (length > 0) {
            strcpy(beside + length, ".socket");
            if (first_line(beside, line, sizeof line))
                named = line;
        }
    }
    if (!named || !*named)
        named = "/run/starling/cni.sock";
    /* One that is too long is nobody's: it stays empty, and no agent answers. */
    if (strlen(named) < sizeof socket_path)
        strcpy(socket_path, named);
}

/* A connected socket, or -1. */
static int dial(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, socket_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    /* It bounds connect(), which waits where the agent has more callers than it accepts. */
    int left = remaining_ms();
    struct timeval wait = {.tv_sec = left / 1000, .tv_usec = left % 1000 * 1000 + 1};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

static bool send_all(int fd, const void *from, size_t length)
{
    const char *at = from;
    while (length > 0) {
        if (!ready(fd, POLLOUT))
            return false;
        ssize_t sent = send(fd, at, length, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR && errno != EAGAIN)
            return false;
        if (sent > 0) {
            at += sent;
            length -= (size_t)sent;
        }
    }
    return true;
}

static bool receive(int fd, void *to, size_t length)
{
    char *at = to;
    while (length > 0) {
        if (!ready(fd, POLLIN))
            return false;
        ssize_t got = recv(fd, at, length, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN))
            return false;
        if (got > 0) {
            at += got;
            length -= (size_t)got;
        }
    }
    return true;
}

static void put_length(unsigned char to[4], size_t length)
{
    for (int byte = 0; byte < 4; byte++)
        to[byte] = (unsigned char)(length >> (24 - 8 * byte));
}

/* The exit code of the answer, which is on stdout then; -1: no answer, and nothing is on stdout. */
static int ask(const struct bytes *request, bool is_add)
{
    unsigned char head[5];
    int code = -1, fd = dial();
    if (fd < 0)
        return -1;
    put_length(head, request->length);
    if (send_all(fd, head, 4) && send_all(fd, request->at, request->length) &&
        receive(fd, head, sizeof head)) {
        size_t length = (size_t)head[1] << 24 | (size_t)head[2] << 16 | (size_t)head[3] << 8 | head[4];
        char *answer = length <= ANSWER_MAX ? malloc(length + 1) : NULL;
        if (answer && receive(fd, answer, length)) {
            bool told = write_all(STDOUT_FILENO, answer, length, true);
            /* An agent that is not there for the receipt may have undone the ADD. */
            bool known = told && send(fd, "k", 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1;
            code = told && (known || !is_add) ? head[0] : 1;
        }
        free(answer);
    }
    close(fd);
    return code;
}

/* ---- a DEL that waits for the agent --------------------------------------------------------------------------- */

/* FNV-1a. */
static uint64_t hash(uint64_t seed, const char *from, size_t length)
{
    for (size_t at = 0; at < length; at++)
        seed = (seed ^ (unsigned char)from[at]) * 1099511628211u;
    return seed;
}

static bool has_room(int directory, size_t more)
{
    DIR *list = fdopendir(dup(directory));
    if (!list)
        return false;
    int files = 0;
    long long bytes = (long long)more;
    struct stat stats;
    for (struct dirent *each; (each = readdir(list));)
        if (fstatat(directory, each->d_name, &stats, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(stats.st_mode)) {
            files++;
            bytes += stats.st_size;
        }
    closedir(list);
    errno = ENOSPC;
    return files < QUEUE_FILES_MAX && bytes <= QUEUE_BYTES_MAX;
}

/*
 * One file holds one request. The agent reads the directory before it answers its first call, before each ADD and every
 * half minute. So this needs no lock against an agent that starts between our failed connect() and our rename(): the
 * file is there before we end, an ADD for the same container begins after that, and whatever executes that ADD has read
 * the directory since. A file that nobody's ADD follows is found half a minute later at most.
 *
 * The name is a hash of what says which DEL it is, so that a repeated one takes no second place. The process number in
 * the temporary name is ours alone while we run.
 */
static bool put_aside(const struct bytes *request)
{
    char directory[sizeof socket_path + sizeof "/del"], name[32], temporary[64];
    strcpy(directory, socket_path);
    char *slash = strrchr(directory, '/');
    if (!slash) {
        errno = EINVAL;
        return false;
    }
    /* What a service manager removes with the agent that it stops. */
    *slash = '\0';
    mkdir(directory, 0755);
    strcpy(slash, "/del");
    if (mkdir(directory, 0700) < 0 && errno != EEXIST)
        return false;
    int at = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (at < 0 || !has_room(at, request->length))
        return false;

    const char *id = getenv("CNI_CONTAINERID"), *ifname = getenv("CNI_IFNAME");
    uint64_t key = hash(14695981039346656037u, id, strlen(id) + 1);
    key = hash(hash(key, ifname, strlen(ifname) + 1), config.at, config.length);
    snprintf(name, sizeof name, "%016llx", (unsigned long long)key);
    snprintf(temporary, sizeof temporary, ".%s.%d", name, (int)getpid());
    int file = openat(at, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0)
        return false;
    bool done = write_all(file, request->at, request->length, false);
    done = close(file) == 0 && done && renameat(at, temporary, at, name) == 0;
    int reason = errno;
    if (!done)
        unlinkat(at, temporary, 0);
    errno = reason;
    return done;
}

/* Code 0 also where it cannot be kept: a runtime that is refused tries for ever, and the agent looks for leases of
 * containers that are gone anyway. */
static int put_off(const struct bytes *request)
{
    const char *id = getenv("CNI_CONTAINERID"), *ifname = getenv("CNI_IFNAME");
    if (!id || !*id || !ifname || !*ifname)
        return fail(BAD_ENVIRONMENT, "DEL needs CNI_CONTAINERID and CNI_IFNAME");
    if (!put_aside(request))
        fprintf(stderr, "starling-ipam: no agent answers on %s, and the DEL cannot be kept for it: %s\n", socket_path,
                strerror(errno));
    return 0;
}

/* ---- the call -------------------------------------------------------------------------------------------------- */

static bool is(const char *command, const char *other)
{
    return strcmp(command, other) == 0;
}

/* No agent answers. */
static int alone(const char *command, const struct bytes *request)
{
    if (is(command, "DEL"))
        return put_off(request);
    /* A runtime may end a container whose CHECK fails; a missing agent is none of its faults. */
    if (is(command, "CHECK"))
        return 0;
    return fail(is(command, "STATUS") ? UNAVAILABLE : TRY_LATER,
                "the starling agent of this host does not answer: is it running? (starling status)");
}

/* A closed stdout or stderr must not become the number of our socket. False: stdout was closed. */
static bool hold_streams(void)
{
    bool told = fcntl(STDOUT_FILENO, F_GETFD) >= 0;
    for (int fd = 0; fd >= 0 && fd <= STDERR_FILENO;)
        fd = open("/dev/null", O_RDWR);
    return told;
}

static int read_config(void)
{
    char chunk[65536];
    for (;;) {
        if (!ready(STDIN_FILENO, POLLIN))
            return fail(IO_FAILED, "the configuration on stdin has no end");
        ssize_t got = read(STDIN_FILENO, chunk, sizeof chunk);
        if (got == 0)
            return 0;
        if (got < 0 && errno != EINTR && errno != EAGAIN)
            return fail(IO_FAILED, "the configuration on stdin cannot be read");
        if (got > 0 && !append(&config, chunk, (size_t)got))
            return fail(IO_FAILED, "the configuration on stdin is longer than 1 MiB");
    }
}

int main(void)
{
    struct bytes request = {.max = ENTRIES_MAX};
    ends_at = clock_ms(CLOCK_MONOTONIC) + DEADLINE_MS;
    signal(SIGPIPE, SIG_IGN);
    if (!hold_streams())
        return 1;
    const char *command = getenv("CNI_COMMAND");
    if (!command || !*command)
        return about();
    if (is(command, "VERSION"))
        return versions();
    if (read_config() != 0)
        return 1;
    if (!is(command, "ADD") && !is(command, "DEL") && !is(command, "CHECK") && !is(command, "GC") &&
        !is(command, "STATUS"))
        return fail(BAD_ENVIRONMENT, "unknown CNI_COMMAND: it is none of ADD, DEL, CHECK, GC, STATUS, VERSION");
    if (!describe(&request))
        return fail(BAD_ENVIRONMENT, "the CNI_ variables are longer than 256 KiB");
    request.max += STDIN_MAX;
    if (!append(&request, config.at ? config.at : "", config.length))
        return fail(IO_FAILED, "no memory for the configuration");
    find_socket();
    int code = ask(&request, is(command, "ADD"));
    return code < 0 ? alone(command, &request) : code;
}
