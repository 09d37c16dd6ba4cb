/* A static HTTP responder that plays the SMS gateway: one thread, epoll, keep-alive.
 *
 * Every POST is answered 200 {"message_id": "bench-N", "status": "accepted"} and its arrival is noted.
 * GET /count gives the number of POSTs, GET /times their arrivals (nanoseconds since the epoch, one a line).
 * Usage: gateway PORT-FILE   (listens on a free port of 127.0.0.1 and writes the port there)
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MOST_CLIENTS 4096
#define ROOM 65536
#define MOST_TIMES 2000000

struct client { char in[ROOM]; size_t held; };
static struct client *clients[MOST_CLIENTS];
static int64_t *times;
static long posts;

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void put(int fd, const char *data, size_t left) {
    while (left) {
        ssize_t n = send(fd, data, left, MSG_NOSIGNAL);
        if (n <= 0) { if (n < 0 && errno == EINTR) continue; return; }
        data += n;
        left -= n;
    }
}

static void answer(int fd, const char *type, const char *body, size_t length) {
    char head[160];
    int n = snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n", type, length);
    char all[1024];
    if (n + length < sizeof all) {
        memcpy(all, head, n);
        memcpy(all + n, body, length);
        put(fd, all, n + length);
    } else {
        put(fd, head, n);
        put(fd, body, length);
    }
}

static void send_times(int fd) {
    char *body = malloc(posts * 21 + 1), *at = body;
    for (long i = 0; i < posts && i < MOST_TIMES; i++) at += sprintf(at, "%lld\n", (long long)times[i]);
    answer(fd, "text/plain", body, at - body);
    free(body);
}

/* Takes one whole request off the front of the buffer; 0 when it is not all there yet. */
static size_t take(int fd, struct client *c) {
    char *end = memmem(c->in, c->held, "\r\n\r\n", 4);
    if (!end) return 0;
    *end = 0;
    size_t length = 0, head = end - c->in + 4;
    char *said = strcasestr(c->in, "\ncontent-length:");
    if (said) length = strtoul(said + 16, NULL, 10);
    *end = '\r';
    if (c->held < head + length) return 0;
    char body[96];
    if (!strncmp(c->in, "POST", 4)) {
        if (posts < MOST_TIMES) times[posts] = now();
        int n = snprintf(body, sizeof body, "{\"message_id\": \"bench-%ld\", \"status\": \"accepted\"}", ++posts);
        answer(fd, "application/json", body, n);
    } else if (!strncmp(c->in, "GET /times", 10)) {
        send_times(fd);
    } else {
        answer(fd, "text/plain", body, snprintf(body, sizeof body, "%ld", posts));
    }
    return head + length;
}

static int readable(int fd) {
    struct client *c = clients[fd];
    ssize_t n = recv(fd, c->in + c->held, ROOM - c->held, 0);
    if (n <= 0) return 0;
    c->held += n;
    size_t used;
    while (c->held && (used = take(fd, c))) {
        memmove(c->in, c->in + used, c->held - used);
        c->held -= used;
    }
    return c->held < ROOM;
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    times = calloc(MOST_TIMES, sizeof *times);
    int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1, queue = epoll_create1(0);
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof where;
    if (bind(listener, (struct sockaddr *)&where, size) || listen(listener, 1024)) return 1;
    getsockname(listener, (struct sockaddr *)&where, &size);
    FILE *told = fopen(argv[1], "w");
    fprintf(told, "%d", ntohs(where.sin_port));
    fclose(told);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, ready[256];
    epoll_ctl(queue, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int n = epoll_wait(queue, ready, 256, -1);
        for (int i = 0; i < n; i++) {
            int fd = ready[i].data.fd;
            if (fd == listener) {
                int client = accept(listener, NULL, NULL);
                if (client < 0 || client >= MOST_CLIENTS) { if (client >= 0) close(client); continue; }
                setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                clients[client] = calloc(1, sizeof **clients);
                event.data.fd = client;
                epoll_ctl(queue, EPOLL_CTL_ADD, client, &event);
            } else if (!readable(fd)) {
                free(clients[fd]);
                close(fd);
            }
        }
    }
}
