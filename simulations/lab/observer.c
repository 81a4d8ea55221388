/*
 * A third process that stamps route changes in many network namespaces at once, with the clock that Node's
 * process.hrtime reads. One process and few instructions per change, for on a small machine an observer takes its time
 * from what it observes.
 *
 *     observer NAMESPACE...        (a name, the path of a namespace's file, or "-" for the one it runs in)
 *
 * Prints "ready", then one line per change: number of the namespace, + or -, destination, metric, protocol,
 * nanoseconds. Lines wait until nothing has happened for a moment, so that nobody is woken by them while something is
 * under way.
 * Ends with its standard input.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NAMESPACES_MAX 256
#define RECEIVE_BYTES (16 * 1024 * 1024)
/* Lines wait so long for quiet, in ms. */
#define QUIET_MS 5

static void fail(const char *what) {
    fprintf(stderr, "observer: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int watch(const char *name) {
    if (strcmp(name, "-") != 0) {
        char path[256];
        snprintf(path, sizeof path, name[0] == '/' ? "%s" : "/run/netns/%s", name);
        int namespace = open(path, O_RDONLY | O_CLOEXEC);
        if (namespace < 0 || setns(namespace, CLONE_NEWNET) < 0) fail(path);
        close(namespace);
    }
    /* A socket stays in the namespace that it was made in. */
    int watcher = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_IPV4_ROUTE};
    int bytes = RECEIVE_BYTES;
    if (watcher < 0) fail("socket");
    if (setsockopt(watcher, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) < 0) fail("SO_RCVBUFFORCE");
    if (bind(watcher, (struct sockaddr *)&address, sizeof address) < 0) fail("bind");
    return watcher;
}

static long long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void print(int index, struct nlmsghdr *message, long long at) {
    if (message->nlmsg_type != RTM_NEWROUTE && message->nlmsg_type != RTM_DELROUTE) return;
    struct rtmsg *route = NLMSG_DATA(message);
    if (route->rtm_table != RT_TABLE_MAIN) return;
    char destination[INET_ADDRSTRLEN] = "0.0.0.0";
    unsigned metric = 0;
    int left = RTM_PAYLOAD(message);
    for (struct rtattr *attribute = RTM_RTA(route); RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
        if (attribute->rta_type == RTA_DST) {
            inet_ntop(AF_INET, RTA_DATA(attribute), destination, sizeof destination);
        }
        if (attribute->rta_type == RTA_PRIORITY) metric = *(unsigned *)RTA_DATA(attribute);
    }
    printf("%d %c %s/%d %u %d %lld\n", index, message->nlmsg_type == RTM_NEWROUTE ? '+' : '-', destination,
           route->rtm_dst_len, metric, route->rtm_protocol, at);
}

static void drain(int watcher, int index) {
    static char buffer[65536];
    for (;;) {
        ssize_t length = recv(watcher, buffer, sizeof buffer, 0);
        if (length < 0 && errno == EAGAIN) return;
        if (length < 0) fail("recv");
        long long at = now();
        struct nlmsghdr *message = (struct nlmsghdr *)buffer;
        for (; NLMSG_OK(message, (size_t)length); message = NLMSG_NEXT(message, length)) print(index, message, at);
    }
}

int main(int count, char **words) {
    static struct pollfd watchers[NAMESPACES_MAX + 1];
    int namespaces = count - 1;
    if (namespaces < 1 || namespaces > NAMESPACES_MAX) {
        fprintf(stderr, "usage: observer NAMESPACE...\n");
        return 2;
    }
    for (int index = 0; index < namespaces; index += 1) {
        watchers[index].fd = watch(words[index + 1]);
        watchers[index].events = POLLIN;
    }
    watchers[namespaces].fd = STDIN_FILENO;
    watchers[namespaces].events = POLLIN;
    static char output[1 << 20];
    setvbuf(stdout, output, _IOFBF, sizeof output);
    printf("ready\n");
    fflush(stdout);
    int waiting = 0;
    for (;;) {
        int ready = poll(watchers, namespaces + 1, waiting ? QUIET_MS : -1);
        if (ready < 0 && errno != EINTR) fail("poll");
        if (ready == 0) {
            fflush(stdout);
            waiting = 0;
            continue;
        }
        if (watchers[namespaces].revents != 0) return 0;
        for (int index = 0; index < namespaces; index += 1) {
            if (watchers[index].revents != 0) drain(watchers[index].fd, index);
        }
        waiting = 1;
    }
}
