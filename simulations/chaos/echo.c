/*
 * A container's part of the mesh of echoes: answers those of others, sends its own, and says which were not answered
 * as they should be.
 *
 *     echo SELF INTERVAL_MS FULL_MS       (in the container's network namespace)
 *
 * SELF is the number of this container. FULL_MS: between two echoes to a peer that fill a frame; 0: none does. Standard input, a line each:
 *
 *     to PEER ADDRESS             echoes to this container from now on
 *     drop PEER                   no more
 *     sum                         asks for the totals
 *
 * Standard output, a line each; times are milliseconds of CLOCK_MONOTONIC, which process.hrtime reads, at which echoes
 * were sent:
 *
 *     ready
 *     bad PEER KIND FIRST LAST COUNT DETAIL    echoes that followed each other and fared alike
 *     total PEER SENT GOOD WORST               WORST: the longest round trip, in ms
 *     dropped COUNT                            answers that this program was too slow for, no fault of the network
 *     summed
 *
 * KIND is silence, unreachable (DETAIL: the error), wrong-responder (DETAIL: who it says it is), source-changed (DETAIL:
 * the address that the peer saw) or late; the same with "full-" before it for the echoes that fill an Ethernet frame and
 * may not be fragmented. Ends with its standard input.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
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
#define PEERS_MAX 64
/* Echoes of one peer whose answer may still come. */
#define WAITING_MAX 128
#define ANSWER_MS 1000
/* What a frame of 1500 bytes leaves behind the headers of IPv4 and UDP. */
#define FULL_BYTES 1472
#define BUFFER_BYTES (1 << 20)

enum kind { SILENCE, UNREACHABLE, WRONG_RESPONDER, SOURCE_CHANGED, LATE, KINDS };
static const char *const names[KINDS] = {"silence", "unreachable", "wrong-responder", "source-changed", "late"};

struct message {
    uint32_t magic;
    uint16_t from, to;
    uint32_t number;
    /* Of the answer. */
    uint16_t responder, is_full;
    uint32_t seen_from;
} __attribute__((packed));

struct echo {
    uint32_t number;
    bool waits;
    double sent_at;
};

struct run {
    double first, last;
    unsigned count;
    char detail[32];
};

/* One stream of echoes: the small ones of a peer, or its full ones. */
struct stream {
    bool is_full;
    uint32_t number;
    double next_at;
    struct echo waiting[WAITING_MAX];
    struct run runs[KINDS];
    unsigned sent, good;
    double worst;
};

struct peer {
    bool is_there;
    struct sockaddr_in address;
    struct stream small, full;
};

static const uint32_t magic = 0x73746172;
static struct peer peers[PEERS_MAX];
static unsigned self;
static double interval, full_interval;
static int client;
static uint32_t dropped, own_address;

static void fail(const char *what) {
    fprintf(stderr, "echo: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static void flush_run(unsigned peer, const struct stream *stream, enum kind kind, struct run *run) {
    if (run->count == 0) return;
    printf("bad %u %s%s %.1f %.1f %u %s\n", peer, stream->is_full ? "full-" : "", names[kind], run->first, run->last,
           run->count, run->detail);
    run->count = 0;
}

static void bad(unsigned peer, struct stream *stream, enum kind kind, double sent_at, const char *detail) {
    struct run *run = &stream->runs[kind];
    double gap = stream->is_full ? full_interval : interval;
    if (run->count > 0 && (sent_at > run->last + 2.5 * gap || strcmp(run->detail, detail) != 0)) {
        flush_run(peer, stream, kind, run);
    }
    if (run->count == 0) {
        run->first = run->last = sent_at;
        snprintf(run->detail, sizeof run->detail, "%s", detail);
    }
    if (sent_at < run->first) run->first = sent_at;
    if (sent_at > run->last) run->last = sent_at;
    run->count += 1;
}

/* What nobody waits for any more is told: nothing can be added to it. */
static void settle_stream(unsigned peer, struct stream *stream, double time) {
    for (unsigned at = 0; at < WAITING_MAX; at++) {
        struct echo *echo = &stream->waiting[at];
        if (!echo->waits || time - echo->sent_at < ANSWER_MS) continue;
        echo->waits = false;
        bad(peer, stream, SILENCE, echo->sent_at, "-");
    }
    for (unsigned kind = 0; kind < KINDS; kind++) {
        struct run *run = &stream->runs[kind];
        if (run->count > 0 && time - run->last > 2 * ANSWER_MS + 2.5 * (stream->is_full ? full_interval : interval)) flush_run(peer, stream, kind, run);
    }
}

static struct echo *waiting(struct stream *stream, uint32_t number) {
    struct echo *echo = &stream->waiting[number % WAITING_MAX];
    return echo->number == number && echo->sent_at > 0 ? echo : NULL;
}

static void send_echo(unsigned number, struct stream *stream, double time) {
    struct peer *peer = &peers[number];
    char bytes[FULL_BYTES] = {0};
    struct message message = {magic, (uint16_t)self, (uint16_t)number, ++stream->number, 0, stream->is_full, 0};
    memcpy(bytes, &message, sizeof message);
    struct echo *echo = &stream->waiting[message.number % WAITING_MAX];
    if (echo->waits) bad(number, stream, SILENCE, echo->sent_at, "-");
    *echo = (struct echo){message.number, true, time};
    stream->sent += 1;
    size_t length = stream->is_full ? FULL_BYTES : sizeof message;
    /* What an earlier echo met, of any peer, is the error of the next call, which sends nothing. */
    for (int tries = 0; tries < 3; tries++) {
        if (sendto(client, bytes, length, MSG_DONTWAIT, (struct sockaddr *)&peer->address, sizeof peer->address) >= 0) return;
    }
    echo->waits = false;
    bad(number, stream, UNREACHABLE, time, strerrorname_np(errno));
}

/* What a packet to there has as its source. */
static uint32_t address_towards(const struct sockaddr_in *peer) {
    int probe = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in mine = {0};
    socklen_t length = sizeof mine;
    if (connect(probe, (const struct sockaddr *)peer, sizeof *peer) == 0) {
        getsockname(probe, (struct sockaddr *)&mine, &length);
    }
    close(probe);
    return mine.sin_addr.s_addr;
}

static void answered(const struct message *message, double time) {
    unsigned from = message->to;
    /* Also of one to which nothing is sent any more: its last answers are on their way. */
    if (message->from != self || from >= PEERS_MAX) return;
    struct stream *stream = message->is_full ? &peers[from].full : &peers[from].small;
    struct echo *echo = waiting(stream, message->number);
    if (echo == NULL) return;
    double took = time - echo->sent_at;
    char detail[32];
    if (!echo->waits || took >= ANSWER_MS) {
        /* Silence is told of each that is late, before it came or now. */
        if (echo->waits) bad(from, stream, SILENCE, echo->sent_at, "-");
        bad(from, stream, LATE, echo->sent_at, "-");
    } else if (message->responder != from) {
        snprintf(detail, sizeof detail, "%u", message->responder);
        bad(from, stream, WRONG_RESPONDER, echo->sent_at, detail);
    } else if (message->seen_from != own_address && message->seen_from != address_towards(&peers[from].address)) {
        struct in_addr seen = {message->seen_from};
        bad(from, stream, SOURCE_CHANGED, echo->sent_at, inet_ntoa(seen));
    } else {
        stream->good += 1;
        if (took > stream->worst) stream->worst = took;
    }
    echo->waits = false;
}

static ssize_t receive(int socket, void *bytes, size_t length, int flags, struct msghdr *header, void *control,
                       size_t control_length, struct sockaddr_in *from) {
    static struct iovec vector;
    vector = (struct iovec){bytes, length};
    *header = (struct msghdr){.msg_name = from, .msg_namelen = sizeof *from, .msg_iov = &vector, .msg_iovlen = 1,
                              .msg_control = control, .msg_controllen = control_length};
    return recvmsg(socket, header, flags | MSG_DONTWAIT);
}

static void note_overflow(struct msghdr *header, uint32_t *known) {
    for (struct cmsghdr *each = CMSG_FIRSTHDR(header); each != NULL; each = CMSG_NXTHDR(header, each)) {
        if (each->cmsg_level == SOL_SOCKET && each->cmsg_type == SO_RXQ_OVFL) memcpy(known, CMSG_DATA(each), sizeof *known);
    }
}

/* A socket, and how many datagrams it had no room for so far. */
struct end {
    int socket;
    uint32_t overflow;
};

/* The next echo or answer that waits at one end; 0: none does, else its length. */
static size_t next_message(struct end *end, char *bytes, size_t room, struct message *message, struct sockaddr_in *from) {
    char control[64];
    struct msghdr header;
    ssize_t length;
    while ((length = receive(end->socket, bytes, room, 0, &header, control, sizeof control, from)) >= 0) {
        uint32_t before = end->overflow;
        note_overflow(&header, &end->overflow);
        dropped += end->overflow - before;
        if ((size_t)length < sizeof *message) continue;
        memcpy(message, bytes, sizeof *message);
        if (message->magic == magic) return (size_t)length;
    }
    return 0;
}

static void serve(struct end *server) {
    char bytes[2048];
    struct message message;
    struct sockaddr_in from;
    size_t length;
    while ((length = next_message(server, bytes, sizeof bytes, &message, &from)) > 0) {
        message.responder = (uint16_t)self;
        message.seen_from = from.sin_addr.s_addr;
        memcpy(bytes, &message, sizeof message);
        sendto(server->socket, bytes, length, MSG_DONTWAIT, (struct sockaddr *)&from, sizeof from);
    }
}

static void collect(struct end *client) {
    char bytes[2048];
    struct message message;
    struct sockaddr_in from;
    while (next_message(client, bytes, sizeof bytes, &message, &from) > 0) answered(&message, now());
}

/* The queue of errors gives back what was sent, as far as the router quoted it. */
static void collect_errors(void) {
    char bytes[2048], control[512];
    struct msghdr header;
    struct sockaddr_in to;
    ssize_t length;
    while ((length = receive(client, bytes, sizeof bytes, MSG_ERRQUEUE, &header, control, sizeof control, &to)) >= 0) {
        struct message message;
        if ((size_t)length < sizeof message) continue;
        memcpy(&message, bytes, sizeof message);
        if (message.magic != magic || message.to >= PEERS_MAX) continue;
        struct stream *stream = message.is_full ? &peers[message.to].full : &peers[message.to].small;
        struct echo *echo = waiting(stream, message.number);
        if (echo == NULL || !echo->waits) continue;
        for (struct cmsghdr *each = CMSG_FIRSTHDR(&header); each != NULL; each = CMSG_NXTHDR(&header, each)) {
            if (each->cmsg_level != IPPROTO_IP || each->cmsg_type != IP_RECVERR) continue;
            struct sock_extended_err error;
            memcpy(&error, CMSG_DATA(each), sizeof error);
            echo->waits = false;
            bad(message.to, stream, UNREACHABLE, echo->sent_at, strerrorname_np((int)error.ee_errno));
        }
    }
}

static void begin(unsigned number, const char *text) {
    struct peer *peer = &peers[number];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    if (inet_pton(AF_INET, text, &address.sin_addr) != 1) return;
    double time = now();
    /* Spread evenly: all of a mesh at one moment would lose echoes by itself. */
    double phase = (double)((self * 7 + number * 13) % 64) / 64;
    if (!peer->is_there) {
        peer->small.next_at = time + phase * interval;
        peer->full.next_at = time + phase * full_interval;
    }
    peer->full.is_full = true;
    peer->address = address;
    peer->is_there = true;
    own_address = address_towards(&address);
}

static void total(void) {
    for (unsigned number = 0; number < PEERS_MAX; number++) {
        struct peer *peer = &peers[number];
        if (peer->small.sent == 0) continue;
        for (unsigned kind = 0; kind < KINDS; kind++) {
            flush_run(number, &peer->small, kind, &peer->small.runs[kind]);
            flush_run(number, &peer->full, kind, &peer->full.runs[kind]);
        }
        double worst = peer->small.worst > peer->full.worst ? peer->small.worst : peer->full.worst;
        printf("total %u %u %u %.1f\n", number, peer->small.sent + peer->full.sent, peer->small.good + peer->full.good,
               worst);
    }
    printf("dropped %u\nsummed\n", dropped);
}

static void command(const char *line) {
    unsigned number;
    char text[64];
    if (sscanf(line, "to %u %63s", &number, text) == 2 && number < PEERS_MAX) begin(number, text);
    else if (sscanf(line, "drop %u", &number) == 1 && number < PEERS_MAX) peers[number].is_there = false;
    else if (strncmp(line, "sum", 3) == 0) total();
}

/* False: its standard input ended. */
static bool read_commands(void) {
    static char line[256];
    static size_t length;
    char bytes[256];
    ssize_t count = read(STDIN_FILENO, bytes, sizeof bytes);
    if (count <= 0) return false;
    for (ssize_t at = 0; at < count; at++) {
        if (bytes[at] != '\n') {
            if (length < sizeof line - 1) line[length++] = bytes[at];
            continue;
        }
        line[length] = '\0';
        length = 0;
        command(line);
    }
    return true;
}

static double send_due(double time) {
    double next = time + 100;
    for (unsigned number = 0; number < PEERS_MAX; number++) {
        struct peer *peer = &peers[number];
        if (peer->small.sent > 0 || peer->is_there) {
            settle_stream(number, &peer->small, time);
            settle_stream(number, &peer->full, time);
        }
        if (!peer->is_there) continue;
        struct stream *streams[] = {&peer->small, &peer->full};
        for (unsigned at = 0; at < (full_interval > 0 ? 2 : 1); at++) {
            struct stream *stream = streams[at];
            double every = stream->is_full ? full_interval : interval;
            if (stream->next_at <= time) {
                send_echo(number, stream, time);
                /* Who was starved sends no burst of what it missed. */
                stream->next_at = stream->next_at + every > time ? stream->next_at + every : time + every;
            }
            if (stream->next_at < next) next = stream->next_at;
        }
    }
    return next;
}

static int opened(int port) {
    int made = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int bytes = BUFFER_BYTES, on = 1, whole = IP_PMTUDISC_PROBE;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (made < 0) fail("socket");
    if (setsockopt(made, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) < 0) fail("SO_RCVBUFFORCE");
    if (setsockopt(made, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on) < 0) fail("SO_RXQ_OVFL");
    if (setsockopt(made, IPPROTO_IP, IP_MTU_DISCOVER, &whole, sizeof whole) < 0) fail("IP_MTU_DISCOVER");
    if (bind(made, (struct sockaddr *)&address, sizeof address) < 0) fail("bind");
    return made;
}

int main(int count, char **words) {
    if (count != 4) {
        fprintf(stderr, "usage: echo SELF INTERVAL_MS FULL_MS\n");
        return 2;
    }
    self = (unsigned)atoi(words[1]);
    interval = atof(words[2]);
    full_interval = atof(words[3]);
    int on = 1;
    struct end server = {opened(PORT), 0}, answers = {opened(0), 0};
    client = answers.socket;
    if (setsockopt(client, IPPROTO_IP, IP_RECVERR, &on, sizeof on) < 0) fail("IP_RECVERR");
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("ready\n");
    struct pollfd watched[] = {{STDIN_FILENO, POLLIN, 0}, {server.socket, POLLIN, 0}, {client, POLLIN, 0}};
    for (;;) {
        double time = now();
        double wait = send_due(time) - now();
        struct timespec timeout = {0, wait > 0 ? (long)(wait * 1e6) : 0};
        if (ppoll(watched, 3, &timeout, NULL) < 0 && errno != EINTR) fail("poll");
        if (watched[1].revents) serve(&server);
        if (watched[2].revents & POLLERR) collect_errors();
        if (watched[2].revents) collect(&answers);
        if (watched[0].revents && !read_commands()) return 0;
    }
}
