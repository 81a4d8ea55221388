/*
 * Passes frames between two interfaces, each a random while later, so that they come in another order.
 *
 *     relay ONE OTHER LEAST_MS GREATEST_MS       (in the network namespace of the interfaces)
 *
 * Prints "ready", and as its last line how many frames it passed. Frames travel with what their sender left to the
 * hardware (checksums, segments): PACKET_VNET_HDR, packet(7). Ends with its standard input.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Greater ones of TCP are segments that no hardware has cut yet. */
#define FRAME_MAX (70 * 1024)
#define WAITING_MAX 8192

struct frame {
    double due;
    int to;
    size_t length;
    char *bytes;
};

/* The earliest first: a binary heap. */
static struct frame heap[WAITING_MAX];
static size_t waiting;

static void fail(const char *what) {
    fprintf(stderr, "relay: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static int opened(const char *name) {
    int made = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL)), on = 1, bytes = 8 << 20;
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL),
                                  .sll_ifindex = (int)if_nametoindex(name)};
    struct packet_mreq all = {.mr_ifindex = address.sll_ifindex, .mr_type = PACKET_MR_PROMISC};
    if (made < 0 || address.sll_ifindex == 0) fail(name);
    if (setsockopt(made, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) < 0) fail("PACKET_VNET_HDR");
    if (setsockopt(made, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) < 0) fail("PACKET_IGNORE_OUTGOING");
    if (setsockopt(made, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) < 0) fail("SO_RCVBUFFORCE");
    if (bind(made, (struct sockaddr *)&address, sizeof address) < 0) fail("bind");
    if (setsockopt(made, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all) < 0) fail("promiscuous");
    return made;
}

static void swap(size_t one, size_t other) {
    struct frame kept = heap[one];
    heap[one] = heap[other];
    heap[other] = kept;
}

static void push(struct frame frame) {
    size_t at = waiting++;
    heap[at] = frame;
    for (; at > 0 && heap[(at - 1) / 2].due > heap[at].due; at = (at - 1) / 2) swap(at, (at - 1) / 2);
}

static struct frame pop(void) {
    struct frame first = heap[0];
    heap[0] = heap[--waiting];
    for (size_t at = 0, child; (child = 2 * at + 1) < waiting; at = child) {
        if (child + 1 < waiting && heap[child + 1].due < heap[child].due) child += 1;
        if (heap[at].due <= heap[child].due) break;
        swap(at, child);
    }
    return first;
}

int main(int count, char **words) {
    static char bytes[FRAME_MAX];
    if (count != 5) {
        fprintf(stderr, "usage: relay ONE OTHER LEAST_MS GREATEST_MS\n");
        return 2;
    }
    double least = atof(words[3]), spread = atof(words[4]) - least;
    unsigned long passed = 0;
    struct pollfd watched[] = {{STDIN_FILENO, POLLIN, 0}, {opened(words[1]), POLLIN, 0}, {opened(words[2]), POLLIN, 0}};
    printf("ready\n");
    fflush(stdout);
    while (!watched[0].revents) {
        double wait = waiting > 0 ? heap[0].due - now() : 1000;
        struct timespec timeout = {(time_t)(wait > 0 ? wait / 1e3 : 0), (long)(wait > 0 ? (long)(wait * 1e6) % 1000000000L : 0)};
        if (ppoll(watched, 3, &timeout, NULL) < 0 && errno != EINTR) fail("poll");
        for (int at = 1; at <= 2; at++) {
            ssize_t length;
            while (waiting < WAITING_MAX && (length = recv(watched[at].fd, bytes, sizeof bytes, 0)) > 0) {
                struct frame frame = {now() + least + spread * drand48(), watched[3 - at].fd, (size_t)length, malloc((size_t)length)};
                if (frame.bytes == NULL) fail("malloc");
                memcpy(frame.bytes, bytes, frame.length);
                push(frame);
            }
        }
        while (waiting > 0 && heap[0].due <= now()) {
            struct frame frame = pop();
            if (send(frame.to, frame.bytes, frame.length, 0) > 0) passed += 1;
            free(frame.bytes);
        }
    }
    printf("%lu\n", passed);
    return 0;
}
