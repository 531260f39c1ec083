/* A driver library for the whole program: real dlopen, real ABI, real threads. To nvidia-ml-py the calls that are not
 * here are those of an older driver. The file named by FAKE_NVML_SCENE, lines of words, is read again when it changes:
 *
 *     gpus 8                         how many there are (default 2)
 *     busy                           they all work
 *     mig 0 2                        MIG is on for GPU 0, which is cut into 2 slices
 *     process 3 1234                 GPU 3 is used by this PID
 *     hang * nvmlInitWithFlags       this call does not come back while the line stands; of one GPU, or of all
 *     lost 1                         GPU 1 has fallen off the bus
 *     error 0 4 nvmlDeviceGetPowerUsage   this call of GPU 0 gives the nvmlReturn_t 4; * for every GPU, or for none
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
enum { MOST = 16, LINES = 32 };
enum {
    OK = 0, UNINITIALIZED = 1, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7, TIMEOUT = 10,
    GPU_IS_LOST = 15, ARGUMENT_VERSION_MISMATCH = 25
};

typedef struct { int index, failed, slice; } gpu; /* slice: -1 for a whole GPU */
typedef struct { unsigned gpu, memory; } utilization;
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } memory_v2;
typedef struct { unsigned long long total, free, used; } memory_v1;
typedef struct { unsigned pid; unsigned long long memory; unsigned instance, compute_instance; } process;
typedef struct { unsigned version; int sensor, celsius; } temperature;
typedef struct { char legacy[16]; unsigned domain, bus, device, id, subsystem; char bus_id[32]; } pci;

static gpu gpus[MOST], slices[MOST][7];
static int inits, inside;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct { int gpus, busy, lines, code[LINES]; char who[LINES][8], what[LINES][64], verb[LINES][16]; } scene;
static struct timespec seen;

static void read_scene(void) {
    const char *path = getenv("FAKE_NVML_SCENE");
    struct stat file;
    if (!path || stat(path, &file) != 0) { if (!scene.gpus) scene.gpus = 2; return; }
    if (file.st_mtim.tv_sec == seen.tv_sec && file.st_mtim.tv_nsec == seen.tv_nsec) return;
    seen = file.st_mtim;
    memset(&scene, 0, sizeof scene);
    scene.gpus = 2;
    FILE *lines = fopen(path, "r");
    char line[128];
    while (lines && fgets(line, sizeof line, lines) && scene.lines < LINES) {
        int i = scene.lines;
        if (sscanf(line, "gpus %d", &scene.gpus) == 1) continue;
        if (strncmp(line, "busy", 4) == 0) { scene.busy = 1; continue; }
        if (sscanf(line, "error %7s %d %63s", scene.who[i], &scene.code[i], scene.what[i]) == 3)
            strcpy(scene.verb[scene.lines++], "error");
        else
            scene.lines += sscanf(line, "%15s %7s %63s", scene.verb[i], scene.who[i], scene.what[i]) >= 2;
    }
    if (lines) fclose(lines);
}

/* The line of this verb about a GPU (or about none), from `from` on; -1 where there is none. */
static int about(const char *verb, const gpu *g, int from) {
    for (int i = from; i < scene.lines; i++)
        if (strcmp(scene.verb[i], verb) == 0
            && (scene.who[i][0] == '*' || (g && atoi(scene.who[i]) == g->index))) return i;
    return -1;
}

/* The line of this verb about this call of a GPU; -1 where there is none. */
static int about_call(const char *verb, const char *name, const gpu *g) {
    for (int i = about(verb, g, 0); i >= 0; i = about(verb, g, i + 1))
        if (strcmp(scene.what[i], name) == 0) return i;
    return -1;
}

static int hangs(const char *name, const gpu *g) { return about_call("hang", name, g) >= 0; }

static int begin(const char *name, gpu *g) {
    pthread_mutex_lock(&lock);
    read_scene();
    inside++;
    int hang = hangs(name, g), lost = g && about("lost", g, 0) >= 0, error = about_call("error", name, g);
    int code = error >= 0 ? scene.code[error] : OK;
    pthread_mutex_unlock(&lock);
    while (hang) {
        usleep(50000);
        pthread_mutex_lock(&lock);
        read_scene();
        hang = hangs(name, g);
        pthread_mutex_unlock(&lock);
    }
    if (g && g->failed) abort(); /* a driver crashes here */
    if (lost) g->failed = 1;
    return inits == 0 ? UNINITIALIZED : lost ? GPU_IS_LOST : code;
}

static int end(int code) { pthread_mutex_lock(&lock); inside--; pthread_mutex_unlock(&lock); return code; }

/* A call: `return` inside the braces would leave `inside` as it is, so the body sets `code`. */
#define CALL(name, parameters, g, body) \
    EXPORT int name parameters { int code = begin(#name, g); if (code == OK) { body } return end(code); }

static int text(char *buffer, unsigned length, const char *value) {
    if (strlen(value) >= length) return INSUFFICIENT_SIZE;
    strcpy(buffer, value);
    return OK;
}

/* Figures move a little from second to second, as they do. */
static unsigned noise(const gpu *g, unsigned most) { return (unsigned)(time(NULL) * 2654435761u + g->index * 40503u) % 9973u % (most + 1); }

static unsigned long long used(const gpu *g) { return about("process", g, 0) >= 0 ? 130ull << 30 : 0; }

static int processes(const gpu *g, unsigned *count, process *out) {
    unsigned room = *count;
    if (room && !out) return INVALID_ARGUMENT;
    *count = 0;
    for (int i = about("process", g, 0); i >= 0; i = about("process", g, i + 1)) {
        if (*count < room && out) out[*count] = (process){(unsigned)atoi(scene.what[i]), used(g), ~0u, ~0u};
        ++*count;
    }
    return *count > room ? INSUFFICIENT_SIZE : OK;
}

EXPORT int nvmlInitWithFlags(unsigned flags) {
    (void)flags;
    begin("nvmlInitWithFlags", NULL);
    int error = about_call("error", "nvmlInitWithFlags", NULL);
    if (error >= 0) return end(scene.code[error]);
    for (int i = 0; i < MOST; i++) {
        gpus[i] = (gpu){i, 0, -1};
        for (int j = 0; j < 7; j++) slices[i][j] = (gpu){i, 0, j};
    }
    inits++;
    return end(OK);
}
EXPORT int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
EXPORT int nvmlShutdown(void) {
    int code = begin("nvmlShutdown", NULL);
    if (inside > 1) abort(); /* a driver crashes here */
    if (code == OK) inits--;
    return end(code);
}
EXPORT const char *nvmlErrorString(int code) { return code == GPU_IS_LOST ? "GPU is lost" : "fake error"; }

CALL(nvmlSystemGetDriverVersion, (char *buffer, unsigned length), NULL, code = text(buffer, length, "580.159.04");)
CALL(nvmlSystemGetNVMLVersion, (char *buffer, unsigned length), NULL, code = text(buffer, length, "13.580.159.04");)
CALL(nvmlSystemGetCudaDriverVersion_v2, (int *version), NULL, *version = 13000;)
CALL(nvmlSystemGetCudaDriverVersion, (int *version), NULL, *version = 13000;)
CALL(nvmlDeviceGetCount_v2, (unsigned *count), NULL, *count = (unsigned)scene.gpus;)
EXPORT int nvmlDeviceGetHandleByIndex_v2(unsigned index, gpu **out) {
    int code = begin("nvmlDeviceGetHandleByIndex_v2", NULL);
    if (code == OK && index >= (unsigned)scene.gpus) code = INVALID_ARGUMENT;
    if (code == OK && about("lost", &gpus[index], 0) >= 0) code = GPU_IS_LOST;
    if (code == OK) *out = &gpus[index];
    return end(code);
}
CALL(nvmlDeviceGetIndex, (gpu *g, unsigned *out), g, *out = (unsigned)g->index;)
CALL(nvmlDeviceGetMinorNumber, (gpu *g, unsigned *out), g, *out = (unsigned)g->index;)
CALL(nvmlDeviceGetName, (gpu *g, char *buffer, unsigned length), g, code = text(buffer, length, g->slice < 0 ? "NVIDIA H200" : "NVIDIA H200 MIG 3g.71gb");)
CALL(nvmlDeviceGetSerial, (gpu *g, char *buffer, unsigned length), g, code = text(buffer, length, "0123456789012");)
CALL(nvmlDeviceGetUUID, (gpu *g, char *buffer, unsigned length), g,
     char uuid[64]; snprintf(uuid, sizeof uuid, "%s-00000000-1111-2222-%04d-%012d", g->slice < 0 ? "GPU" : "MIG", g->slice < 0 ? 3333 : g->slice, g->index);
     code = text(buffer, length, uuid);)
CALL(nvmlDeviceGetPciInfo_v3, (gpu *g, pci *out), g,
     memset(out, 0, sizeof *out); out->bus = 16u * (unsigned)g->index + 9; snprintf(out->bus_id, sizeof out->bus_id, "00000000:%02X:00.0", out->bus);)
CALL(nvmlDeviceGetCudaComputeCapability, (gpu *g, int *major, int *minor), g, *major = 9; *minor = 0;)
CALL(nvmlDeviceGetPowerUsage, (gpu *g, unsigned *out), g, *out = (scene.busy ? 600000 : 84000) + 1000 * noise(g, scene.busy ? 60 : 2);)
CALL(nvmlDeviceGetEnforcedPowerLimit, (gpu *g, unsigned *out), g, *out = 700000;)
CALL(nvmlDeviceGetPowerManagementLimit, (gpu *g, unsigned *out), g, *out = 700000;)
CALL(nvmlDeviceGetUtilizationRates, (gpu *g, utilization *out), g,
     if (about("mig", g, 0) >= 0) code = NOT_SUPPORTED; else { out->gpu = scene.busy ? 85 + noise(g, 15) : 0; out->memory = scene.busy ? 22 : 0; })
CALL(nvmlDeviceGetMaxMigDeviceCount, (gpu *g, unsigned *out), g, *out = about("mig", g, 0) >= 0 ? 7 : 0;)
CALL(nvmlDeviceGetMigDeviceHandleByIndex, (gpu *g, unsigned place, gpu **out), g,
     int i = about("mig", g, 0); if (i < 0 || place >= (unsigned)atoi(scene.what[i])) code = NOT_FOUND; else *out = &slices[g->index][place];)
CALL(nvmlDeviceGetTemperature, (gpu *g, int sensor, unsigned *out), g, if (sensor) code = INVALID_ARGUMENT; else *out = scene.busy ? 62 : 31;)
CALL(nvmlDeviceGetTemperatureV, (gpu *g, temperature *out), g,
     if (out->version != (sizeof *out | 1u << 24)) code = ARGUMENT_VERSION_MISMATCH; else out->celsius = scene.busy ? 62 : 31;)
CALL(nvmlDeviceGetClockInfo, (gpu *g, int kind, unsigned *out), g,
     if (kind < 0 || kind > 3) code = INVALID_ARGUMENT; else *out = scene.busy ? 1980 - 15 * noise(g, 3) : 345;)
CALL(nvmlDeviceGetMaxClockInfo, (gpu *g, int kind, unsigned *out), g,
     if (kind < 0 || kind > 3) code = INVALID_ARGUMENT; else *out = 1980;)
CALL(nvmlDeviceGetFanSpeed, (gpu *g, unsigned *out), g, (void)out; code = NOT_SUPPORTED;)
CALL(nvmlDeviceGetPerformanceState, (gpu *g, int *out), g, *out = 0;)
CALL(nvmlDeviceGetCurrentClocksEventReasons, (gpu *g, unsigned long long *out), g, *out = scene.busy ? 4 : 1;)
CALL(nvmlDeviceGetCurrentClocksThrottleReasons, (gpu *g, unsigned long long *out), g, *out = scene.busy ? 4 : 1;)
CALL(nvmlDeviceGetTotalEccErrors, (gpu *g, int kind, int counter, unsigned long long *out), g,
     if (kind < 0 || kind > 1 || counter < 0 || counter > 1) code = INVALID_ARGUMENT; else *out = 0;)
CALL(nvmlDeviceGetEccMode, (gpu *g, int *now, int *later), g, *now = *later = 1;)
CALL(nvmlDeviceGetMigMode, (gpu *g, unsigned *now, unsigned *later), g, *now = *later = about("mig", g, 0) >= 0;)
CALL(nvmlDeviceGetPersistenceMode, (gpu *g, int *out), g, *out = 1;)
CALL(nvmlDeviceGetDisplayActive, (gpu *g, int *out), g, *out = 0;)
CALL(nvmlDeviceGetComputeMode, (gpu *g, int *out), g, *out = 0;)
CALL(nvmlDeviceGetComputeRunningProcesses_v3, (gpu *g, unsigned *count, process *out), g, code = processes(g, count, out);)
CALL(nvmlDeviceGetGraphicsRunningProcesses_v3, (gpu *g, unsigned *count, process *out), g,
     if (*count && !out) code = INVALID_ARGUMENT; else *count = 0;)
CALL(nvmlDeviceGetMemoryInfo, (gpu *g, memory_v1 *out), g,
     out->total = 150754820096ull; out->used = used(g) + 644939776ull; out->free = out->total - out->used;)
CALL(nvmlDeviceGetMemoryInfo_v2, (gpu *g, memory_v2 *out), g,
     if (out->version != (sizeof *out | 2u << 24)) code = ARGUMENT_VERSION_MISMATCH;
     else { out->total = 150754820096ull; out->reserved = 644939776ull; out->used = used(g); out->free = out->total - out->reserved - out->used; })
CALL(nvmlDeviceGetP2PStatus, (gpu *a, gpu *b, int kind, int *status), a, (void)b; *status = kind == 2 ? 0 : 1;)
CALL(nvmlDeviceGetNvLinkState, (gpu *g, unsigned lane, unsigned *on), g, if (lane < 18) *on = 1; else code = INVALID_ARGUMENT;)
CALL(nvmlDeviceGetNvLinkRemotePciInfo_v2, (gpu *g, unsigned lane, pci *out), g,
     memset(out, 0, sizeof *out); snprintf(out->bus_id, sizeof out->bus_id, "00000000:%02X:00.0", 192 + lane);)
CALL(nvmlDeviceGetNvLinkRemoteDeviceType, (gpu *g, unsigned lane, int *out), g, (void)lane; *out = 2;)
CALL(nvmlEventSetCreate, (void **out), NULL, *out = &scene;)
CALL(nvmlDeviceRegisterEvents, (gpu *g, unsigned long long kinds, void *set), g, (void)kinds; (void)set;)
CALL(nvmlEventSetWait_v2, (void *set, void *out, unsigned timeout_ms), NULL, (void)set; (void)out; (void)timeout_ms; code = TIMEOUT;)
CALL(nvmlEventSetFree, (void *set), NULL, (void)set;)
