/* A driver library for the whole program: real dlopen, real ABI, real threads. It has the calls that matter most; to
 * nvidia-ml-py the others are those of an older driver. FAKE_NVML_HANG names the call that never comes back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
enum { OK = 0, UNINITIALIZED = 1, INVALID_ARGUMENT = 2, INSUFFICIENT_SIZE = 7, ARGUMENT_VERSION_MISMATCH = 25 };
enum { COUNT = 2 };

typedef struct { int index; } gpu;
typedef struct { unsigned gpu, memory; } utilization;
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } memory_v2;

static gpu gpus[COUNT] = {{0}, {1}};
static int inits;

static int enter(const char *name) {
    const char *hang = getenv("FAKE_NVML_HANG");
    if (hang && strcmp(hang, name) == 0)
        for (;;) pause();
    return inits > 0 ? OK : UNINITIALIZED;
}
#define ENTER() do { int code = enter(__func__); if (code != OK) return code; } while (0)

static int text(char *buffer, unsigned length, const char *value) {
    if (strlen(value) >= length) return INSUFFICIENT_SIZE;
    strcpy(buffer, value);
    return OK;
}

EXPORT int nvmlInitWithFlags(unsigned flags) { (void)flags; enter(__func__); inits++; return OK; }
EXPORT int nvmlShutdown(void) { ENTER(); inits--; return OK; }
EXPORT int nvmlSystemGetDriverVersion(char *buffer, unsigned length) { ENTER(); return text(buffer, length, "580.159.04"); }
EXPORT int nvmlSystemGetCudaDriverVersion_v2(int *version) { ENTER(); *version = 13000; return OK; }
EXPORT int nvmlDeviceGetCount_v2(unsigned *count) { ENTER(); *count = COUNT; return OK; }

EXPORT int nvmlDeviceGetHandleByIndex_v2(unsigned index, gpu **out) {
    ENTER();
    if (index >= COUNT) return INVALID_ARGUMENT;
    *out = &gpus[index];
    return OK;
}

EXPORT int nvmlDeviceGetName(gpu *g, char *buffer, unsigned length) { (void)g; ENTER(); return text(buffer, length, "NVIDIA H200"); }

EXPORT int nvmlDeviceGetUUID(gpu *g, char *buffer, unsigned length) {
    char uuid[64];
    ENTER();
    snprintf(uuid, sizeof uuid, "GPU-00000000-1111-2222-3333-%012d", g->index);
    return text(buffer, length, uuid);
}

EXPORT int nvmlDeviceGetCudaComputeCapability(gpu *g, int *major, int *minor) { (void)g; ENTER(); *major = 9; *minor = 0; return OK; }
EXPORT int nvmlDeviceGetPowerUsage(gpu *g, unsigned *milliwatt) { ENTER(); *milliwatt = 84873 + 1000 * g->index; return OK; }
EXPORT int nvmlDeviceGetUtilizationRates(gpu *g, utilization *out) { ENTER(); out->gpu = 10 + g->index; out->memory = 0; return OK; }

EXPORT int nvmlDeviceGetMemoryInfo_v2(gpu *g, memory_v2 *out) {
    (void)g;
    ENTER();
    if (out->version != (sizeof *out | 2u << 24)) return ARGUMENT_VERSION_MISMATCH;
    out->total = 150754820096ull;
    out->reserved = 644939776ull;
    out->used = 0;
    out->free = out->total - out->reserved - out->used;
    return OK;
}

EXPORT int nvmlDeviceGetP2PStatus(gpu *a, gpu *b, int kind, int *status) {
    (void)a, (void)b;
    ENTER();
    *status = kind == 2 ? 0 : 1;
    return OK;
}
