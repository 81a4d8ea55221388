/*
 * A container's part of a ring of TCP connections: sends numbers to one peer, which sends them back, for as long as it
 * runs, and says when nothing came back and when the connection broke.
 *
 *     stream       (in the container's network namespace)
 *
 * Standard input, a line each:
 *
 *     to ADDRESS   a connection to that container from now on; the one before is closed
 *     none         no more
 *
 * Standard output, a line each; times are milliseconds of CLOCK_MONOTONIC:
 *
 *     ready
 *     stalled FROM TO       what was sent at FROM was answered at TO, more than a second later
 *     broken FROM TO WHY    the connection ended at TO, by the error WHY; the oldest number without an answer is of FROM
 *     disordered FROM TO    other numbers came back than were sent
 *     moved COUNT           numbers that came back, as the last line
 *
 * Ends with its standard input.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* The echo service's, RFC 862. */
#define PORT 7
#define SERVED_MAX 16
#define EVERY_MS 50
#define STALL_MS 1000
#define AGAIN_MS 1000
/* Numbers without an answer; more are not sent. */
#define WAITING_MAX 4096

enum { INPUT, LISTENER, OUT, SERVED };
static struct pollfd watched[SERVED + SERVED_MAX];
static struct sockaddr_in target = {.sin_family = AF_INET};
static bool is_wanted, is_connected;
static uint64_t sent, answered, moved;
static double sent_at[WAITING_MAX], next_at;
static char partial[8];
static size_t partial_length;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static void fail(const char *what) {
    fprintf(stderr, "stream: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void close_out(void) {
    if (watched[OUT].fd >= 0) close(watched[OUT].fd);
    watched[OUT].fd = -1;
    is_connected = false;
    sent = answered = 0;
    partial_length = 0;
    next_at = now() + AGAIN_MS;
}

static void broken(int error) {
    /* Who was never connected has broken nothing. */
    if (is_connected) {
        double at = now();
        printf("broken %.1f %.1f %s\n", sent > answered ? sent_at[answered % WAITING_MAX] : at, at,
               error ? strerrorname_np(error) : "closed");
    }
    close_out();
}

static void connect_out(void) {
    int on = 1;
    int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (made < 0) fail("socket");
    setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    watched[OUT] = (struct pollfd){made, POLLIN | POLLOUT, 0};
    if (connect(made, (struct sockaddr *)&target, sizeof target) < 0 && errno != EINPROGRESS) broken(errno);
}

static void send_number(double time) {
    if (sent - answered >= WAITING_MAX) return;
    uint64_t number = sent;
    ssize_t length = send(watched[OUT].fd, &number, sizeof number, MSG_NOSIGNAL);
    if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (length != sizeof number) return broken(length < 0 ? errno : EPIPE);
    sent_at[sent % WAITING_MAX] = time;
    sent += 1;
}

static void take_number(uint64_t number) {
    double at = now(), from = sent_at[answered % WAITING_MAX];
    if (number != answered) printf("disordered %.1f %.1f\n", from, at);
    answered += 1;
    moved += 1;
    /* One line for a stall, not one for each number that waited behind it. */
    static double told_to;
    if (at - from > STALL_MS && from > told_to) {
        printf("stalled %.1f %.1f\n", from, at);
        told_to = at;
    }
}

static void read_out(void) {
    char bytes[4096];
    ssize_t length = recv(watched[OUT].fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (length <= 0) return broken(length < 0 ? errno : 0);
    for (ssize_t at = 0; at < length; at++) {
        partial[partial_length++] = bytes[at];
        if (partial_length < sizeof partial) continue;
        partial_length = 0;
        uint64_t number;
        memcpy(&number, partial, sizeof number);
        take_number(number);
    }
}

static void tend_out(void) {
    if (watched[OUT].fd < 0) return;
    short events = watched[OUT].revents;
    if (!is_connected && events) {
        int error = 0;
        socklen_t length = sizeof error;
        getsockopt(watched[OUT].fd, SOL_SOCKET, SO_ERROR, &error, &length);
        if (error) return broken(error);
        is_connected = true;
        watched[OUT].events = POLLIN;
        next_at = now();
        return;
    }
    if (events) read_out();
}

static void accept_one(void) {
    int made = accept4(watched[LISTENER].fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (made < 0) return;
    for (int at = SERVED; at < SERVED + SERVED_MAX; at++) {
        if (watched[at].fd >= 0) continue;
        watched[at] = (struct pollfd){made, POLLIN, 0};
        return;
    }
    close(made);
}

static void serve(struct pollfd *served) {
    char bytes[4096];
    ssize_t length = recv(served->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (length <= 0 || send(served->fd, bytes, (size_t)length, MSG_NOSIGNAL) != length) {
        close(served->fd);
        served->fd = -1;
    }
}

static void command(char *line) {
    char text[64];
    if (strncmp(line, "none", 4) == 0) {
        is_wanted = false;
        close_out();
    } else if (sscanf(line, "to %63s", text) == 1 && inet_pton(AF_INET, text, &target.sin_addr) == 1) {
        target.sin_port = htons(PORT);
        is_wanted = true;
        close_out();
        next_at = now();
    }
}

int main(void) {
    char line[256];
    int on = 1;
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    for (int at = 0; at < SERVED + SERVED_MAX; at++) watched[at].fd = -1;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (listener < 0 || bind(listener, (struct sockaddr *)&own, sizeof own) < 0 || listen(listener, 8) < 0) fail("listen");
    watched[INPUT] = (struct pollfd){STDIN_FILENO, POLLIN, 0};
    watched[LISTENER] = (struct pollfd){listener, POLLIN, 0};
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("ready\n");
    for (;;) {
        double time = now();
        if (is_wanted && time >= next_at) {
            next_at = time + EVERY_MS;
            if (watched[OUT].fd < 0) connect_out();
            else if (is_connected) send_number(time);
        }
        double wait = is_wanted ? next_at - now() : EVERY_MS;
        if (poll(watched, SERVED + SERVED_MAX, wait > 0 ? (int)wait + 1 : 0) < 0 && errno != EINTR) fail("poll");
        tend_out();
        if (watched[LISTENER].revents) accept_one();
        for (int at = SERVED; at < SERVED + SERVED_MAX; at++) {
            if (watched[at].fd >= 0 && watched[at].revents) serve(&watched[at]);
        }
        if (!watched[INPUT].revents) continue;
        /* Its writer sends a line at a time. */
        ssize_t length = read(STDIN_FILENO, line, sizeof line - 1);
        if (length <= 0) break;
        line[length] = '\0';
        for (char *each = strtok(line, "\n"); each != NULL; each = strtok(NULL, "\n")) command(each);
    }
    printf("moved %llu\n", (unsigned long long)moved);
    return 0;
}
