/* A server of known schedule: vLLM-shaped server-sent events at absolute times, and a record of when each was sent.

   cc -O2 -pthread known_server.c -o known_server
   known_server [--port 0] [--threads 1] [--cpu N]        prints its port; SIGTERM writes the record and ends it
     --ttft-us 100000 --itl-us 12000 [--lock-step]        first token after that (and up to one ITL), then one each ITL
     --per-chunk 4 --thinking 100 --no-role               tokens in a chunk, thinking tokens first, no role chunk
     --merge 2 [--one-chunk] --split-us 300               events in one send (one HTTP chunk); events in two sends
     --crlf --comments                                    other shapes that the standard allows
     --stall-every 50 --stall-us 80000                    every 50th gap of a stream is longer by that
     --fail-every 10 --fail reset,http_500,...            those requests (numbers from 1) fail so, in turn
     --record FILE                                        int64: number, arrival, n, n send times of token chunks

   Request 0 is the warm-up and never fails. Arrival is the kernel's time of a request's last bytes, a send time is
   taken right before the send; both are CLOCK_MONOTONIC nanoseconds. `usage` has the number as `cached_tokens`. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define SPIN_NS 50000 /* before a send is due, so that waking up is over by then */
#define EVENT_BYTES 8192

enum kind { WELL, HTTP_400, HTTP_500, RESET, CUT, MALFORMED, EARLY_END, IN_BAND, SILENCE };
static const char *const KINDS[] = {"well", "http_400", "http_500", "reset", "cut",
                                    "malformed", "early_end", "in_band", "silence"};
static const char *const WORDS[] = {" the", " quick", "\\n\\n", " \\\"fox\\\"", " }]}", " caf\xc3\xa9", "x", " data:"};

static int port, threads = 1, first_cpu = -1, lock_step, per_chunk = 1, thinking, no_role, merge = 1, one_chunk, crlf,
           comments, stall_every, fail_every, fails;
static int64_t ttft_ns = 100000000, itl_ns = 12000000, split_ns, stall_ns = 80000000, grid_ns;
static enum kind fail_kinds[16];
static const char *record_path;
static atomic_int stopping;
static atomic_long numbers;

struct record {
  struct record *next;
  int64_t number, arrival_ns, n, times[];
};

struct conn {
  int fd, chat;
  char *in, *out; /* what came and was not answered; what the socket did not take */
  size_t in_len, in_size, out_len;
  struct record *record; /* of the reply that goes on, NULL: none does */
  enum kind kind;
  int64_t start_ns, moved_ns; /* of the first chunk; what stalls have added */
  int tokens, sent, chunks, held;
  char pending[EVENT_BYTES * 2]; /* events that wait to be sent together, or the second half of a split one */
  size_t pending_len;
  bool half;
};

struct due {
  int64_t at_ns;
  uint64_t order;
  struct conn *conn;
};

struct server {
  int listener, epoll, timer;
  struct due *heap;
  size_t size, room;
  uint64_t order;
  struct record *records;
};

static void die(const char *what) {
  perror(what);
  exit(1);
}

static int64_t now_ns(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* From the wall clock to the monotonic one: of a few readings the one that took least. */
static int64_t offset_ns(void) {
  int64_t best = INT64_MAX, offset = 0;
  for (int i = 0; i < 10; i++) {
    int64_t a = now_ns(CLOCK_MONOTONIC), wall = now_ns(CLOCK_REALTIME), b = now_ns(CLOCK_MONOTONIC);
    if (b - a < best) best = b - a, offset = wall - (a + b) / 2;
  }
  return offset;
}

static bool before(struct due a, struct due b) { return a.at_ns < b.at_ns || (a.at_ns == b.at_ns && a.order < b.order); }

static void push(struct server *s, int64_t at_ns, struct conn *c) {
  if (s->size == s->room && !(s->heap = realloc(s->heap, (s->room = s->room * 2 + 64) * sizeof *s->heap))) die("heap");
  struct due due = {at_ns, s->order++, c};
  size_t i = s->size++;
  for (; i && before(due, s->heap[(i - 1) / 2]); i = (i - 1) / 2) s->heap[i] = s->heap[(i - 1) / 2];
  s->heap[i] = due;
}

static void take(struct server *s, size_t i) {
  struct due last = s->heap[--s->size];
  if (i == s->size) return;
  for (; i && before(last, s->heap[(i - 1) / 2]); i = (i - 1) / 2) s->heap[i] = s->heap[(i - 1) / 2];
  for (size_t child; (child = 2 * i + 1) < s->size; i = child) {
    if (child + 1 < s->size && before(s->heap[child + 1], s->heap[child])) child++;
    if (!before(s->heap[child], last)) break;
    s->heap[i] = s->heap[child];
  }
  s->heap[i] = last;
}

static void drop(struct server *s, struct conn *c, bool reset) {
  for (size_t i = 0; i < s->size; i++)
    if (s->heap[i].conn == c) take(s, i--);
  if (reset) setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
  close(c->fd);
  free(c->in), free(c->out), free(c);
}

static void send_all(struct server *s, struct conn *c, const char *data, size_t len) {
  if (!c->out_len) {
    ssize_t n = send(c->fd, data, len, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) return; /* the reader sees the end of it */
    if (n > 0) data += n, len -= n;
  }
  if (!len) return;
  if (!(c->out = realloc(c->out, c->out_len + len))) die("out");
  memcpy(c->out + c->out_len, data, len), c->out_len += len;
  epoll_ctl(s->epoll, EPOLL_CTL_MOD, c->fd, &(struct epoll_event){EPOLLIN | EPOLLOUT, {.ptr = c}});
}

static void flush(struct server *s, struct conn *c) {
  ssize_t n = send(c->fd, c->out, c->out_len, MSG_NOSIGNAL);
  if (n > 0) memmove(c->out, c->out + n, c->out_len -= n);
  if (!c->out_len) epoll_ctl(s->epoll, EPOLL_CTL_MOD, c->fd, &(struct epoll_event){EPOLLIN, {.ptr = c}});
}

/* One event, without the HTTP chunk around it. */
static size_t event(char *to, const char *format, ...) {
  va_list arguments;
  size_t n = comments ? sprintf(to, ": ping%s", crlf ? "\r\n\r\n" : "\n\n") : 0;
  n += sprintf(to + n, "data: ");
  va_start(arguments, format);
  n += vsnprintf(to + n, EVENT_BYTES - 128, format, arguments);
  va_end(arguments);
  return n + sprintf(to + n, crlf ? "\r\n\r\n" : "\n\n");
}

static size_t chunked(char *to, const char *body, size_t len) {
  size_t n = sprintf(to, "%zx\r\n", len);
  memcpy(to + n, body, len);
  memcpy(to + n + len, "\r\n", 2);
  return n + len + 2;
}

static void send_event(struct server *s, struct conn *c, const char *body, size_t len) {
  char data[EVENT_BYTES * 2];
  send_all(s, c, data, chunked(data, body, len));
}

static size_t token_event(struct conn *c, char *to, int count, bool last) {
  char text[EVENT_BYTES / 2] = "";
  bool thinks = c->sent < thinking;
  for (int i = 0; i < count; i++) strcat(text, WORDS[(c->sent + i + c->record->number) % 8]);
  const char *finish = last ? "\"length\"" : "null";
  if (!c->chat)
    return event(to, "{\"id\":\"cmpl-%016lx\",\"object\":\"text_completion\",\"created\":1795441535,\"model\":\"known\","
                     "\"choices\":[{\"index\":0,\"text\":\"%s\",\"logprobs\":null,\"finish_reason\":%s,\"stop_reason\":null,"
                     "\"token_ids\":null,\"prompt_logprobs\":null,\"prompt_token_ids\":null}],\"usage\":null}",
                 c->record->number, text, finish);
  return event(to, "{\"id\":\"chatcmpl-%016lx\",\"object\":\"chat.completion.chunk\",\"created\":1795441535,\"model\":\"known\","
                   "\"choices\":[{\"index\":0,\"delta\":{\"%s\":\"%s\"},\"logprobs\":null,\"finish_reason\":%s,\"token_ids\":null}]}",
               c->record->number, thinks ? "reasoning" : "content", text, finish);
}

static void head(struct server *s, struct conn *c) {
  static const char HEAD[] = "HTTP/1.1 200 OK\r\nserver: uvicorn\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
                             "transfer-encoding: chunked\r\n\r\n";
  char body[EVENT_BYTES];
  send_all(s, c, HEAD, sizeof HEAD - 1);
  if (c->chat && !no_role)
    send_event(s, c, body, event(body, "{\"id\":\"chatcmpl-%016lx\",\"object\":\"chat.completion.chunk\",\"created\":1795441535,"
                                       "\"model\":\"known\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
                                       "\"logprobs\":null,\"finish_reason\":null}],\"prompt_token_ids\":null}", c->record->number));
}

static void finish(struct server *s, struct conn *c, int prompt_tokens) {
  char body[EVENT_BYTES];
  int64_t number = c->record->number;
  send_event(s, c, body, event(body, "{\"id\":\"chatcmpl-%016lx\",\"object\":\"chat.completion.chunk\",\"created\":1795441535,"
                                     "\"model\":\"known\",\"choices\":[],\"usage\":{\"prompt_tokens\":%d,\"total_tokens\":%d,"
                                     "\"completion_tokens\":%d,\"prompt_tokens_details\":{\"cached_tokens\":%ld},"
                                     "\"completion_tokens_details\":{\"reasoning_tokens\":%d}}}",
                               number, prompt_tokens, prompt_tokens + c->sent, c->sent, number,
                               thinking < c->sent ? thinking : c->sent));
  send_event(s, c, body, event(body, "[DONE]"));
  send_all(s, c, "0\r\n\r\n", 5);
}

static void plain(struct server *s, struct conn *c, const char *status, const char *body, size_t len) {
  char top[256];
  int n = sprintf(top, "HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n", status, len);
  send_all(s, c, top, n);
  send_all(s, c, body, len);
}

static int64_t when(struct conn *c) { return c->start_ns + c->chunks * itl_ns + c->moved_ns; }

/* What fails in the middle, after two token chunks. True: the connection is gone. */
static bool fail(struct server *s, struct conn *c) {
  char body[EVENT_BYTES];
  enum kind kind = c->kind;
  c->record = NULL;
  if (kind == MALFORMED) send_event(s, c, body, event(body, "{\"choices\": [{\"delta\""));
  if (kind == IN_BAND) send_event(s, c, body, event(body, "{\"error\":{\"message\":\"engine died\",\"code\":500}}"));
  if (kind == CUT) send_all(s, c, "1f0\r\ndata: {\"id\":\"", 17);
  if (kind == EARLY_END) send_all(s, c, "0\r\n\r\n", 5);
  if (kind == EARLY_END || kind == SILENCE) return false;
  drop(s, c, kind == RESET);
  return true;
}

/* The next token chunk of a stream is due. */
static void tick(struct server *s, struct conn *c) {
  struct record *record = c->record;
  if (c->half) {
    c->half = false;
    record->times[record->n++] = now_ns(CLOCK_MONOTONIC);
    send_all(s, c, c->pending, c->pending_len);
    c->pending_len = 0;
  } else {
    if (c->chunks == 0) head(s, c);
    if (c->kind != WELL && c->chunks == 2) {
      fail(s, c);
      return;
    }
    int count = c->tokens - c->sent < per_chunk ? c->tokens - c->sent : per_chunk;
    if (c->sent < thinking && thinking - c->sent < count) count = thinking - c->sent;
    bool last = c->sent + count == c->tokens;
    char body[EVENT_BYTES], data[EVENT_BYTES * 2];
    size_t len = token_event(c, body, count, last);
    c->sent += count, c->chunks++;
    if (stall_every && c->chunks % stall_every == 0) c->moved_ns += stall_ns;
    if (split_ns) {
      len = chunked(data, body, len);
      size_t at = 1 + (size_t)(record->number * 31 + c->chunks * 17) % (len - 1);
      send_all(s, c, data, at);
      memcpy(c->pending, data + at, c->pending_len = len - at);
      c->half = true;
      push(s, now_ns(CLOCK_MONOTONIC) + split_ns, c);
      return;
    }
    if (merge > 1) {
      if (!one_chunk) len = chunked(data, body, len);
      memcpy(c->pending + c->pending_len, one_chunk ? body : data, len);
      c->pending_len += len;
      if (++c->held < merge && !last) {
        push(s, when(c), c);
        return;
      }
      int64_t at_ns = now_ns(CLOCK_MONOTONIC);
      for (; c->held; c->held--) record->times[record->n++] = at_ns;
      if (one_chunk) send_event(s, c, c->pending, c->pending_len);
      else send_all(s, c, c->pending, c->pending_len);
      c->pending_len = 0;
    } else {
      len = chunked(data, body, len);
      record->times[record->n++] = now_ns(CLOCK_MONOTONIC);
      send_all(s, c, data, len);
    }
  }
  if (c->sent < c->tokens) {
    push(s, when(c), c);
  } else {
    finish(s, c, 100);
    c->record = NULL;
  }
}

/* One token a word, two for one of more than eight letters, and ten for a chat template. */
static void tokenize(struct server *s, struct conn *c, const char *body) {
  const char *at = strstr(body, "\"content\":\"");
  int count = at ? 10 : 0;
  at = at ? at + 11 : strstr(body, "\"prompt\":\"") ? strstr(body, "\"prompt\":\"") + 10 : "";
  char *reply = malloc(strlen(at) * 12 + 256);
  size_t n = sprintf(reply, "{\"max_model_len\":1048576,\"tokens\":[");
  for (int i = 0; i < count; i++) n += sprintf(reply + n, "%d,", i);
  while (*at && *at != '"') {
    uint32_t hash = 5381, letters = 0;
    for (; *at == ' '; at++);
    for (; *at && *at != ' ' && *at != '"'; at++, letters++) hash = hash * 33 + (unsigned char)*at;
    if (letters) n += sprintf(reply + n, "%u,", hash % 100000 + 100), count++;
    if (letters > 8) n += sprintf(reply + n, "%d,", 7), count++;
  }
  if (reply[n - 1] == ',') n--;
  n += sprintf(reply + n, "],\"count\":%d}", count);
  plain(s, c, "200 OK", reply, n);
  free(reply);
}

static int number_after(const char *body, const char *name, int otherwise) {
  const char *at = strstr(body, name);
  return at ? atoi(at + strlen(name)) : otherwise;
}

static void answer(struct server *s, struct conn *c, const char *top, const char *body, int64_t arrival_ns) {
  static const char MODELS[] = "{\"object\":\"list\",\"data\":[{\"id\":\"known\",\"object\":\"model\",\"max_model_len\":1048576}]}";
  char path[64] = "";
  sscanf(top, "%*s %63s", path);
  if (!strcmp(path, "/v1/models")) return plain(s, c, "200 OK", MODELS, sizeof MODELS - 1);
  if (!strcmp(path, "/health")) return plain(s, c, "200 OK", "", 0);
  if (!strcmp(path, "/tokenize")) return tokenize(s, c, body);
  c->chat = !strcmp(path, "/v1/chat/completions");
  if (!c->chat && strcmp(path, "/v1/completions")) return plain(s, c, "404 Not Found", "{\"detail\":\"Not Found\"}", 22);
  long number = atomic_fetch_add(&numbers, 1);
  c->kind = fail_every && number && number % fail_every == 0 ? fail_kinds[(number / fail_every - 1) % fails] : WELL;
  if (c->kind == HTTP_400) return plain(s, c, "400 Bad Request", "{\"error\":{\"message\":\"too long\",\"code\":400}}", 43);
  if (c->kind == HTTP_500) return plain(s, c, "500 Internal Server Error", "{\"error\":{\"message\":\"no luck\",\"code\":500}}", 42);
  c->tokens = number_after(body, "\"max_completion_tokens\":", number_after(body, "\"max_tokens\":", 128));
  struct record *record = malloc(sizeof *record + c->tokens * sizeof(int64_t));
  if (!record) die("record");
  *record = (struct record){.next = s->records, .number = number, .arrival_ns = arrival_ns};
  s->records = c->record = record;
  c->sent = c->chunks = c->held = 0, c->pending_len = 0, c->half = false, c->moved_ns = 0;
  c->start_ns = arrival_ns + ttft_ns;
  /* Free-running streams are spread over one ITL, streams in lock-step share its grid. */
  if (lock_step) c->start_ns += itl_ns - 1 - (c->start_ns - grid_ns - 1) % itl_ns;
  else if (itl_ns) c->start_ns += (number * 7919 % 1000) * itl_ns / 1000;
  push(s, when(c), c);
}

static void readable(struct server *s, struct conn *c) {
  char control[128];
  struct msghdr message = {.msg_iov = &(struct iovec){}, .msg_iovlen = 1};
  for (;;) {
    if (c->in_size - c->in_len < 65536 && !(c->in = realloc(c->in, (c->in_size = c->in_size * 2 + 131072)))) die("in");
    message.msg_iov->iov_base = c->in + c->in_len, message.msg_iov->iov_len = c->in_size - c->in_len - 1;
    message.msg_control = control, message.msg_controllen = sizeof control;
    ssize_t n = recvmsg(c->fd, &message, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) return drop(s, c, false);
    int64_t arrival_ns = now_ns(CLOCK_MONOTONIC);
    for (struct cmsghdr *m = CMSG_FIRSTHDR(&message); m; m = CMSG_NXTHDR(&message, m))
      if (m->cmsg_level == SOL_SOCKET && m->cmsg_type == SO_TIMESTAMPNS) {
        struct timespec *t = (struct timespec *)CMSG_DATA(m);
        arrival_ns = t->tv_sec * 1000000000LL + t->tv_nsec - offset_ns();
      }
    c->in[c->in_len += n] = 0;
    char *end = memmem(c->in, c->in_len, "\r\n\r\n", 4);
    if (!end || c->record) continue;
    char *length = strcasestr(c->in, "\r\ncontent-length:");
    size_t body = length && length < end ? strtoul(length + 17, NULL, 10) : 0, whole = end + 4 - c->in + body;
    if (c->in_len < whole) continue;
    answer(s, c, c->in, end + 4, arrival_ns);
    memmove(c->in, c->in + whole, c->in_len -= whole);
  }
}

static void welcome(struct server *s) {
  for (int fd; (fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
    struct conn *c = calloc(1, sizeof *c);
    if (!c) die("conn");
    c->fd = fd;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &(int){1}, sizeof(int));
    epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &(struct epoll_event){EPOLLIN, {.ptr = c}});
  }
}

static void *serve(void *argument) {
  struct server *s = argument;
  struct epoll_event events[64];
  while (!stopping) {
    int64_t now = now_ns(CLOCK_MONOTONIC), next = s->size ? s->heap[0].at_ns : now + 100000000;
    if (next <= now) {
      struct conn *c = s->heap[0].conn;
      take(s, 0);
      tick(s, c);
    }
    int wait = 0;
    if (next - now > SPIN_NS) {
      int64_t at = next - SPIN_NS;
      struct itimerspec alarm = {.it_value = {at / 1000000000, at % 1000000000}};
      timerfd_settime(s->timer, TFD_TIMER_ABSTIME, &alarm, NULL);
      wait = 100;
    }
    /* While sends are due, who asks waits for one turn of 16 of them. */
    if (next <= now && s->order % 16) continue;
    int n = epoll_wait(s->epoll, events, 64, wait);
    for (int i = 0; i < n; i++) {
      if (events[i].data.ptr == s) welcome(s);
      else if (events[i].data.ptr == &s->timer) (void)!read(s->timer, &(uint64_t){0}, 8);
      else {
        struct conn *c = events[i].data.ptr;
        if (events[i].events & EPOLLOUT) flush(s, c);
        if (events[i].events & ~EPOLLOUT) readable(s, c);
      }
    }
  }
  return NULL;
}

static void listen_on(struct server *s) {
  struct sockaddr_in address = {AF_INET, htons(port), {htonl(INADDR_LOOPBACK)}, {0}};
  socklen_t size = sizeof address;
  s->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
  if (threads > 1) setsockopt(s->listener, SOL_SOCKET, SO_REUSEPORT, &(int){1}, sizeof(int));
  if (bind(s->listener, (struct sockaddr *)&address, size) || listen(s->listener, 8192)) die("listen");
  getsockname(s->listener, (struct sockaddr *)&address, &size);
  port = ntohs(address.sin_port);
  s->epoll = epoll_create1(0), s->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->listener, &(struct epoll_event){EPOLLIN, {.ptr = s}});
  epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->timer, &(struct epoll_event){EPOLLIN, {.ptr = &s->timer}});
}

static void read_fails(char *names) {
  for (char *name = strtok(names, ","); name; name = strtok(NULL, ","))
    for (size_t i = 1; i < sizeof KINDS / sizeof *KINDS; i++)
      if (!strcmp(name, KINDS[i]) && fails < 16) fail_kinds[fails++] = i;
}

int main(int argc, char **argv) {
  static const struct option options[] = {
      {"port", 1, 0, 'p'}, {"threads", 1, 0, 't'}, {"cpu", 1, 0, 'c'}, {"ttft-us", 1, 0, 'f'}, {"itl-us", 1, 0, 'i'},
      {"lock-step", 0, &lock_step, 1}, {"per-chunk", 1, 0, 'k'}, {"thinking", 1, 0, 'h'}, {"no-role", 0, &no_role, 1},
      {"merge", 1, 0, 'm'}, {"one-chunk", 0, &one_chunk, 1}, {"split-us", 1, 0, 's'}, {"crlf", 0, &crlf, 1},
      {"comments", 0, &comments, 1}, {"stall-every", 1, 0, 'e'}, {"stall-us", 1, 0, 'u'}, {"fail-every", 1, 0, 'x'},
      {"fail", 1, 0, 'w'}, {"record", 1, 0, 'r'}, {0}};
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) switch (option) {
      case 'p': port = atoi(optarg); break;
      case 't': threads = atoi(optarg); break;
      case 'c': first_cpu = atoi(optarg); break;
      case 'f': ttft_ns = atoll(optarg) * 1000; break;
      case 'i': itl_ns = atoll(optarg) * 1000; break;
      case 'k': per_chunk = atoi(optarg); break;
      case 'h': thinking = atoi(optarg); break;
      case 'm': merge = atoi(optarg); break;
      case 's': split_ns = atoll(optarg) * 1000; break;
      case 'e': stall_every = atoi(optarg); break;
      case 'u': stall_ns = atoll(optarg) * 1000; break;
      case 'x': fail_every = atoi(optarg); break;
      case 'w': read_fails(optarg); break;
      case 'r': record_path = optarg; break;
      case 0: break;
      default: return 2;
    }
  if (threads < 1 || per_chunk < 1 || merge < 1 || merge > 8 || per_chunk > 64 || (fail_every && !fails)) return 2;
  struct rlimit files = {0};
  getrlimit(RLIMIT_NOFILE, &files), files.rlim_cur = files.rlim_max, setrlimit(RLIMIT_NOFILE, &files);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  sigset_t ends;
  sigemptyset(&ends), sigaddset(&ends, SIGTERM), sigaddset(&ends, SIGINT);
  sigprocmask(SIG_BLOCK, &ends, NULL); /* the threads have that from here */
  grid_ns = now_ns(CLOCK_MONOTONIC);
  struct server *servers = calloc(threads, sizeof *servers);
  pthread_t *workers = calloc(threads, sizeof *workers);
  for (int i = 0; i < threads; i++) listen_on(&servers[i]);
  for (int i = 0; i < threads; i++) {
    pthread_create(&workers[i], NULL, serve, &servers[i]);
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    if (first_cpu >= 0) CPU_SET(first_cpu + i, &cpus);
    if (first_cpu >= 0) pthread_setaffinity_np(workers[i], sizeof cpus, &cpus);
  }
  printf("%d\n", port), fflush(stdout);
  int signal;
  sigwait(&ends, &signal);
  stopping = 1;
  FILE *file = record_path ? fopen(record_path, "wb") : NULL;
  for (int i = 0; i < threads; i++) {
    pthread_join(workers[i], NULL);
    for (struct record *r = servers[i].records; file && r; r = r->next) fwrite(&r->number, 8, 3 + r->n, file);
  }
  return file && fclose(file) ? 1 : 0;
}
