// The least that a gRPC server can do with large messages, as a bound for every other. It reads HTTP/2 frames into one buffer, parses only their heads,
// and discards the bodies. By one write it answers SIZE bytes of a message made once. One thread, epoll. Prints its port.
//   cc -O2 -o floor floor.c && ./floor SIZE
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DATA = 0, HEADERS = 1, SETTINGS = 4, WINDOW_UPDATE = 8 };
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4 };
enum { HEAD = 9, PREFACE = 24, FRAME = 16384 };
#define WINDOW 0x7fffffffu

struct connection {
  int fd;
  unsigned preface, have, left, stream, received;
  unsigned char head[HEAD];
  unsigned char *answer;
  size_t length, written;
};

static size_t size;
static int poller;

static void put32(unsigned char *at, unsigned value) {
  value = htonl(value);
  memcpy(at, &value, 4);
}

static unsigned char *frame(unsigned char *at, unsigned length, int type, int flags, unsigned stream) {
  put32(at, length << 8);
  at[3] = type;
  at[4] = flags;
  put32(at + 5, stream);
  return at + HEAD;
}

static void put_headers(unsigned char **at, const char *block, size_t length, int flags, unsigned stream) {
  *at = frame(*at, length, HEADERS, flags, stream);
  memcpy(*at, block, length);
  *at += length;
}

static void watch(struct connection *one, int operation, unsigned events) {
  struct epoll_event event = {events, {.ptr = one}};
  epoll_ctl(poller, operation, one->fd, &event);
}

static void flush(struct connection *one) {
  while (one->written < one->length) {
    const ssize_t count = write(one->fd, one->answer + one->written, one->length - one->written);
    if (count < 0) {
      watch(one, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
      return;
    }
    one->written += count;
  }
  one->length = one->written = 0;
  watch(one, EPOLL_CTL_MOD, EPOLLIN);
}

/** The head of `raw_output_contents`, with a length of five bytes whatever it is. */
static void put_contents(unsigned char *at, unsigned length) {
  *at++ = 6 << 3 | 2;
  for (int i = 0; i < 4; i++, length >>= 7) *at++ = (length & 0x7f) | 0x80;
  *at = length;
}

/** Only what differs is written: the bytes of the message lie there. */
static void answer(struct connection *one) {
  static const char begin[] = "\x88\x00\x0c" "content-type" "\x10" "application/grpc";
  static const char end[] = "\x00\x0b" "grpc-status" "\x01" "0";
  unsigned char *at = one->answer;
  put_headers(&at, begin, sizeof begin - 1, END_HEADERS, one->stream);
  for (size_t left = size + 5; left > 0;) {
    const unsigned length = left > FRAME ? FRAME : left;
    at = frame(at, length, DATA, 0, one->stream);
    if (left == size + 5) {
      at[0] = 0;
      put32(at + 1, size);
      put_contents(at + 5, size - 6);
    }
    at += length;
    left -= length;
  }
  put_headers(&at, end, sizeof end - 1, END_HEADERS | END_STREAM, one->stream);
  one->length = at - one->answer;
  flush(one);
}

static void control(struct connection *one, int type, int flags, unsigned value, unsigned length) {
  unsigned char bytes[HEAD + 4];
  frame(bytes, length, type, flags, 0);
  put32(bytes + HEAD, value);
  if (write(one->fd, bytes, HEAD + length) < 0) perror("write");
}

static void ended(struct connection *one) {
  const int type = one->head[3], flags = one->head[4];
  one->have = 0;
  if (type == SETTINGS && !(flags & ACK)) control(one, SETTINGS, ACK, 0, 0);
  if (type != DATA || !(flags & END_STREAM)) return;
  if (one->received > WINDOW / 4) {
    control(one, WINDOW_UPDATE, 0, one->received, 4);
    one->received = 0;
  }
  answer(one);
}

static void take(struct connection *one, const unsigned char *at, const unsigned char *end) {
  for (; one->preface > 0 && at < end; one->preface--) at++;
  while (at < end) {
    if (one->have < HEAD) {
      one->head[one->have++] = *at++;
      if (one->have < HEAD) continue;
      one->left = one->head[0] << 16 | one->head[1] << 8 | one->head[2];
      one->stream = (one->head[5] & 0x7fu) << 24 | one->head[6] << 16 | one->head[7] << 8 | one->head[8];
    }
    const size_t here = end - at, part = one->left < here ? one->left : here;
    if (one->head[3] == DATA) one->received += part;
    one->left -= part;
    at += part;
    if (one->left == 0) ended(one);
  }
}

static void welcome(int listener) {
  const int on = 1;
  struct connection *one = calloc(1, sizeof *one);
  one->fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
  setsockopt(one->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  one->preface = PREFACE;
  one->answer = calloc(1, size + (size / FRAME + 2) * HEAD + 256);
  watch(one, EPOLL_CTL_ADD, EPOLLIN);
  unsigned char bytes[HEAD + 6];
  frame(bytes, 6, SETTINGS, 0, 0);
  memcpy(bytes + HEAD, "\x00\x04", 2);
  put32(bytes + HEAD + 2, WINDOW);
  if (write(one->fd, bytes, sizeof bytes) < 0) perror("write");
  control(one, WINDOW_UPDATE, 0, WINDOW - 65535, 4);
}

int main(int count, char **arguments) {
  static unsigned char buffer[1 << 18];
  if (count != 2 || (size = strtoul(arguments[1], NULL, 10)) == 0) {
    fprintf(stderr, "usage: floor SIZE\n");
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t length = sizeof address;
  if (bind(listener, (void *)&address, length) || listen(listener, 128) || getsockname(listener, (void *)&address, &length)) {
    perror("floor");
    return 1;
  }
  poller = epoll_create1(0);
  struct epoll_event event = {EPOLLIN, {.ptr = NULL}};
  epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  for (;;) {
    struct epoll_event events[64];
    const int ready = epoll_wait(poller, events, 64, -1);
    for (int i = 0; i < ready; i++) {
      struct connection *one = events[i].data.ptr;
      if (one == NULL) {
        welcome(listener);
        continue;
      }
      if (events[i].events & EPOLLOUT) flush(one);
      if (!(events[i].events & (EPOLLIN | EPOLLHUP))) continue;
      const ssize_t got = read(one->fd, buffer, sizeof buffer);
      if (got > 0) take(one, buffer, buffer + got);
      else if (got == 0) {
        close(one->fd);
        free(one->answer);
        free(one);
      }
    }
  }
}
