/*
 * What a C program does in the usual way: routes written by sendmsg, 64 messages each, every one acknowledged.
 *
 *     fib-writer COUNT ROUNDS GATEWAY IFINDEX
 *
 * Adds and deletes COUNT host routes ROUNDS times; prints a line "ADD_MS DEL_MS" for each.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PER_SEND 64
#define PROTOCOL 83
#define FIRST_DESTINATION 0xac100000u /* 172.16.0.0 */

struct request {
    struct nlmsghdr header;
    struct rtmsg route;
    struct rtattr destination_header;
    uint32_t destination;
    struct rtattr gateway_header;
    uint32_t gateway;
    struct rtattr interface_header;
    uint32_t interface;
};

static void fail(const char *what) {
    fprintf(stderr, "fib-writer: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

static void fill(struct request *request, uint32_t seq, int add, uint32_t index, uint32_t gateway, uint32_t interface) {
    memset(request, 0, sizeof *request);
    request->header.nlmsg_len = sizeof *request;
    request->header.nlmsg_type = add ? RTM_NEWROUTE : RTM_DELROUTE;
    request->header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | (add ? NLM_F_CREATE | NLM_F_EXCL : 0);
    request->header.nlmsg_seq = seq;
    request->route.rtm_family = AF_INET;
    request->route.rtm_dst_len = 32;
    request->route.rtm_table = RT_TABLE_MAIN;
    request->route.rtm_protocol = PROTOCOL;
    request->route.rtm_scope = RT_SCOPE_UNIVERSE;
    request->route.rtm_type = RTN_UNICAST;
    request->destination_header = (struct rtattr){8, RTA_DST};
    request->destination = htonl(FIRST_DESTINATION + index);
    request->gateway_header = (struct rtattr){8, RTA_GATEWAY};
    request->gateway = gateway;
    request->interface_header = (struct rtattr){8, RTA_OIF};
    request->interface = interface;
}

static void acknowledge(int kernel, int expected) {
    static char buffer[65536];
    while (expected > 0) {
        ssize_t length = recv(kernel, buffer, sizeof buffer, 0);
        if (length < 0) fail("recv");
        struct nlmsghdr *message = (struct nlmsghdr *)buffer;
        for (; NLMSG_OK(message, (size_t)length); message = NLMSG_NEXT(message, length)) {
            struct nlmsgerr *error = NLMSG_DATA(message);
            if (message->nlmsg_type != NLMSG_ERROR) continue;
            if (error->error != 0) {
                errno = -error->error;
                fail("route");
            }
            expected -= 1;
        }
    }
}

static double run(int kernel, int add, uint32_t count, uint32_t gateway, uint32_t interface) {
    static struct request requests[PER_SEND];
    static uint32_t seq;
    double started = now();
    for (uint32_t from = 0; from < count; from += PER_SEND) {
        uint32_t size = count - from < PER_SEND ? count - from : PER_SEND;
        for (uint32_t index = 0; index < size; index += 1) {
            fill(&requests[index], ++seq, add, from + index, gateway, interface);
        }
        struct iovec vector = {requests, size * sizeof requests[0]};
        struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
        if (sendmsg(kernel, &message, 0) < 0) fail("sendmsg");
        acknowledge(kernel, size);
    }
    return now() - started;
}

int main(int count, char **words) {
    if (count != 5) {
        fprintf(stderr, "usage: fib-writer COUNT ROUNDS GATEWAY IFINDEX\n");
        return 2;
    }
    uint32_t routes = atoi(words[1]);
    uint32_t gateway = inet_addr(words[3]);
    uint32_t interface = atoi(words[4]);
    int kernel = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    struct sockaddr_nl address = {.nl_family = AF_NETLINK};
    if (kernel < 0 || bind(kernel, (struct sockaddr *)&address, sizeof address) < 0) fail("socket");
    for (int rounds = atoi(words[2]); rounds > 0; rounds -= 1) {
        double added = run(kernel, 1, routes, gateway, interface);
        double deleted = run(kernel, 0, routes, gateway, interface);
        printf("%.3f %.3f\n", added, deleted);
    }
    return 0;
}
