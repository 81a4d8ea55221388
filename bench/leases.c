/*
 * Calls AllocateIP and ReleaseIP of Stellar's network service over gRPC on a unix socket, with a fixed number of pairs
 * under way. As little HTTP/2 as that takes, so that an agent is measured and not its client.
 *
 *     leases SOCKET pairs WINDOW MS        pairs for so long
 *     leases SOCKET fill WINDOW COUNT      allocates and keeps
 *     leases SOCKET paced WINDOW RATE      so many pairs a second, until its standard input ends
 *
 * Prints "done COUNT NANOSECONDS CPU-NANOSECONDS", and one line for each call: its name and nanoseconds. Each window has
 * ids of its own, so that nobody else must call meanwhile under the same.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define WINDOW_MAX 256
#define CALLS_MAX (1 << 20)
#define PATIENCE_MS 10000
enum { DATA = 0, HEADERS = 1, RESET = 3, SETTINGS = 4, PING = 6, GOAWAY = 7, WINDOW_UPDATE = 8 };
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4, PADDED = 8 };

/* One of the window: what it has under way. */
struct slot {
    enum { IDLE, ALLOCATING, RELEASING } state;
    uint32_t stream;
    long long since;
    char id[32], ip[48];
    int has_answer;
};

static struct slot slots[WINDOW_MAX];
static struct { char name; long long took; } calls[CALLS_MAX];
static int calls_made, window, wire;
static uint32_t next_stream = 1;
/* What the server takes of all streams' data. */
static long long credit = 65535;
static unsigned char output[1 << 18], input[1 << 18];
static size_t output_length, input_length;

static void fail(const char *format, ...) {
    va_list values;
    va_start(values, format);
    fprintf(stderr, "leases: ");
    vfprintf(stderr, format, values);
    fprintf(stderr, "\n");
    exit(1);
}

static long long clock_ns(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static long long now(void) { return clock_ns(CLOCK_MONOTONIC); }

static void put(const void *from, size_t length) {
    if (output_length + length > sizeof output) fail("more is under way than fits");
    memcpy(output + output_length, from, length);
    output_length += length;
}

static void put_frame(int type, int flags, uint32_t stream, const void *payload, size_t length) {
    unsigned char head[9] = {length >> 16,  length >> 8,  length,      type,  flags,
                             stream >> 24, stream >> 16, stream >> 8, stream};
    put(head, sizeof head);
    put(payload, length);
}

/* A header that no table keeps: `head` says which name it has. */
static size_t literal(unsigned char *at, const void *head, size_t head_length, const char *value) {
    size_t length = strlen(value);
    memcpy(at, head, head_length);
    at[head_length] = length;
    memcpy(at + head_length + 1, value, length);
    return head_length + 1 + length;
}

static size_t text_field(unsigned char *at, int number, const char *value) {
    size_t length = strlen(value);
    if (length == 0) return 0;
    at[0] = number << 3 | 2;
    at[1] = length;
    memcpy(at + 2, value, length);
    return 2 + length;
}

static void call(struct slot *slot) {
    unsigned char headers[256], message[128] = {0};
    int allocates = slot->state == ALLOCATING;
    size_t length = 0, fields = 5;
    headers[length++] = 0x83; /* :method POST */
    headers[length++] = 0x86; /* :scheme http */
    length += literal(headers + length, "\x04", 1,
                      allocates ? "/stellar.services.network.v1.Network/AllocateIP"
                                : "/stellar.services.network.v1.Network/ReleaseIP");
    length += literal(headers + length, "\x01", 1, "localhost");
    length += literal(headers + length, "\x0f\x10", 2, "application/grpc");
    length += literal(headers + length, "\x00\x02te", 4, "trailers");
    fields += text_field(message + fields, 1, slot->id);
    if (!allocates) fields += text_field(message + fields, 2, slot->ip);
    message[4] = fields - 5;
    slot->stream = next_stream;
    next_stream += 2;
    slot->has_answer = 0;
    slot->since = now();
    put_frame(HEADERS, END_HEADERS, slot->stream, headers, length);
    put_frame(DATA, END_STREAM, slot->stream, message, fields);
    credit -= fields;
}

static void send_all(void) {
    for (size_t sent = 0; sent < output_length;) {
        ssize_t written = write(wire, output + sent, output_length - sent);
        if (written < 0 && errno != EINTR) fail("write: %s", strerror(errno));
        if (written > 0) sent += written;
    }
    output_length = 0;
}

static uint32_t number(const unsigned char *at) {
    return (uint32_t)at[0] << 24 | at[1] << 16 | at[2] << 8 | at[3];
}

static struct slot *slot_of(uint32_t stream) {
    for (int index = 0; index < window; index += 1)
        if (slots[index].state != IDLE && slots[index].stream == stream) return &slots[index];
    fail("an answer to nothing that was asked");
    return NULL;
}

/* A failure has no message: only its trailers tell of it. */
static void answered(struct slot *slot, const unsigned char *at, size_t length) {
    slot->has_answer = 1;
    if (slot->state != ALLOCATING) return;
    if (length < 7 || at[5] != 0x0a || at[6] >= sizeof slot->ip || 7u + at[6] > length)
        fail("AllocateIP answered without an address");
    memcpy(slot->ip, at + 7, at[6]);
    slot->ip[at[6]] = '\0';
}

/* Handles whole frames; calls `ended` for each call that has ended. */
static void receive(void (*ended)(struct slot *)) {
    ssize_t got = read(wire, input + input_length, sizeof input - input_length);
    if (got == 0) fail("the agent has closed the connection");
    if (got < 0) fail("read: %s", strerror(errno));
    input_length += got;
    size_t at = 0;
    while (input_length - at >= 9) {
        const unsigned char *frame = input + at, *payload = frame + 9;
        size_t length = frame[0] << 16 | frame[1] << 8 | frame[2];
        int type = frame[3], flags = frame[4];
        uint32_t stream = number(frame + 5) & 0x7fffffff;
        if (input_length - at < 9 + length) break;
        at += 9 + length;
        if (type == GOAWAY || type == RESET) fail("the agent has given up (frame %d)", type);
        if (type == SETTINGS && !(flags & ACK)) put_frame(SETTINGS, ACK, 0, "", 0);
        if (type == PING && !(flags & ACK)) put_frame(PING, ACK, 0, payload, length);
        if (type == WINDOW_UPDATE && stream == 0) credit += number(payload);
        if (type == DATA && length > 0) {
            if (flags & PADDED) fail("padding");
            answered(slot_of(stream), payload, length);
        }
        if ((type == DATA || type == HEADERS) && (flags & END_STREAM)) {
            struct slot *slot = slot_of(stream);
            if (!slot->has_answer) fail("%s failed", slot->state == ALLOCATING ? "AllocateIP" : "ReleaseIP");
            if (calls_made < CALLS_MAX) {
                calls[calls_made].name = slot->state == ALLOCATING ? 'a' : 'r';
                calls[calls_made++].took = now() - slot->since;
            }
            ended(slot);
        }
    }
    memmove(input, input + at, input_length - at);
    input_length -= at;
}

static void dial(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) fail("the path is too long");
    strcpy(address.sun_path, path);
    wire = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (wire < 0 || connect(wire, (struct sockaddr *)&address, sizeof address) < 0) fail("%s: %s", path, strerror(errno));
    put("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
    /* No table of headers, no push; and as much data as there may be. */
    put_frame(SETTINGS, 0, 0, "\0\1\0\0\0\0" "\0\2\0\0\0\0", 12);
    put_frame(WINDOW_UPDATE, 0, 0, "\x3f\xff\xff\xff", 4);
}

static int is_filling;
/* Of pairs, or of what is kept; those begun and those ended. */
static long long begun, ended_count, begin_max;
/* No pair begins after this; those that end after it do not count. */
static long long ends_at = INT64_MAX;

static void begin(struct slot *slot) {
    snprintf(slot->id, sizeof slot->id, "%s%d-%lld", is_filling ? "f" : "p", (int)getpid(), begun++);
    slot->state = ALLOCATING;
    call(slot);
}

static void ended(struct slot *slot) {
    if (slot->state == ALLOCATING && !is_filling) {
        slot->state = RELEASING;
        return call(slot);
    }
    slot->state = IDLE;
    if (now() <= ends_at) ended_count += 1;
}

static int under_way(void) {
    int count = 0;
    for (int index = 0; index < window; index += 1) count += slots[index].state != IDLE;
    return count;
}

/* `rate`: pairs a second; 0: as fast as they end. Returns the time that it took. */
static long long run(long long rate, int until_input_ends) {
    long long began = now();
    for (;;) {
        long long due = rate == 0 ? INT64_MAX : (now() - began) * rate / 1000000000 + 1;
        int stopped = now() > ends_at;
        for (int index = 0; index < window && !stopped; index += 1) {
            int may = begun < begin_max && begun < due && credit > 8192;
            if (may && slots[index].state == IDLE) begin(&slots[index]);
        }
        send_all();
        if (under_way() == 0 && (stopped || begun >= begin_max)) return now() - began;
        struct pollfd watched[2] = {{wire, POLLIN, 0}, {until_input_ends && !stopped ? STDIN_FILENO : -1, POLLIN, 0}};
        struct timespec wait = {PATIENCE_MS / 1000, 0};
        if (rate > 0 && !stopped) {
            long long left = began + begun * 1000000000 / rate - now();
            wait.tv_sec = 0;
            /* Where the window is full, the wire wakes. */
            wait.tv_nsec = left < 0 ? 1000000 : left > 999999999 ? 999999999 : left;
        }
        int found = ppoll(watched, 2, &wait, NULL);
        if (found < 0 && errno != EINTR) fail("poll: %s", strerror(errno));
        if (found == 0 && rate == 0) fail("no answer in %d ms", PATIENCE_MS);
        if (watched[0].revents) receive(ended);
        if (watched[1].revents) ends_at = now();
    }
}

int main(int count, char **words) {
    if (count != 5) {
        fprintf(stderr, "usage: leases SOCKET pairs|fill|paced WINDOW MS|COUNT|RATE\n");
        return 2;
    }
    const char *what = words[2];
    long long many = atoll(words[4]);
    window = atoi(words[3]);
    if (window < 1 || window > WINDOW_MAX) fail("a window of 1 to %d", WINDOW_MAX);
    is_filling = strcmp(what, "fill") == 0;
    begin_max = is_filling ? many : INT64_MAX;
    dial(words[1]);
    if (strcmp(what, "pairs") == 0) ends_at = now() + many * 1000000;
    int is_paced = strcmp(what, "paced") == 0;
    long long began = now(), took = run(is_paced ? many : 0, is_paced);
    /* What ended late did not count, and neither does the time. */
    if (ends_at < began + took) took = ends_at - began;
    printf("done %lld %lld %lld\n", ended_count, took, clock_ns(CLOCK_PROCESS_CPUTIME_ID));
    for (int index = 0; index < calls_made; index += 1) printf("%c %lld\n", calls[index].name, calls[index].took);
    return 0;
}
