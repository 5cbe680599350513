/* The arithmetic of merging in one pass: what the methods' pure functions say, in the same order and with the
 * same bits, for values as they are stored. `compiled.py` says what each argument is; `tests/merging/
 * test_compiled.py` holds the two against each other.
 *
 * Values go through tiles that stay in a core's first cache. No fused multiply-add (-ffp-contract=off) and no
 * reordering, so every machine computes the same.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GLIBC__) && (!defined(__clang__) || __clang_major__ >= 14)
/* Compiled twice; the loader takes what the processor has. */
#define FOR_EVERY_PROCESSOR __attribute__((target_clones("avx2", "default")))
#else
#define FOR_EVERY_PROCESSOR
#endif
#define INLINE static inline __attribute__((always_inline))

/* Of which source this is the library; the build tells. */
#ifndef ADAMMS_SOURCE
#define ADAMMS_SOURCE ""
#endif
const char *adamms_source = ADAMMS_SOURCE;

enum { TILE = 512, MODELS = 16 };
enum kind { BF16, F16, F32 };
enum elect { NO_ELECTION, MEAN, SUM };

struct model {
    const void *values;
    const int16_t *draws; /* NULL: nothing is dropped */
    int32_t kind;
    int32_t cut;
    float least; /* 0: the small ones stay */
    float most;  /* negative: the large ones stay */
    float factor;
    float weight;
};

struct merge {
    const struct model *models;
    const void *origin; /* NULL: the models themselves are added up */
    void *out;
    int32_t count;
    int32_t origin_kind;
    int32_t out_kind;
    int32_t elect;
    int32_t alike; /* all weights are the same */
    float divisor; /* 0: not divided */
    float lambda;
    float largest; /* that the output's dtype holds */
};

INLINE float as_float(uint32_t bits) {
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

INLINE uint32_t as_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    return bits;
}

INLINE float from_half(uint16_t half) {
    /* The exponents' biases differ by 112; the product is exact for subnormal numbers, too. */
    uint32_t bits = (uint32_t)(half & 0x7fff) << 13;
    uint32_t wide = (half & 0x7c00) == 0x7c00 ? bits | 0x7f800000 : as_bits(as_float(bits) * 0x1p112f);
    return as_float(wide | (uint32_t)(half & 0x8000) << 16);
}

INLINE uint16_t to_half(float value) {
    /* To the nearest, ties to even, of what float16 holds. The sum with 1/2 leaves a subnormal's bits at the end. */
    uint32_t bits = as_bits(value) & 0x7fffffff;
    uint32_t small = as_bits(as_float(bits) + 0.5f) - 0x3f000000;
    uint32_t normal = (bits - (112u << 23) + 0xfff + ((bits >> 13) & 1)) >> 13;
    return (uint16_t)((bits < 0x38800000 ? small : normal) | (as_bits(value) >> 16 & 0x8000));
}

INLINE uint16_t to_bfloat(float value) {
    uint32_t bits = as_bits(value);
    return (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

INLINE void widen_tile(float *restrict to, const void *from, enum kind kind, int64_t at, int count) {
    if (kind == F32) {
        memcpy(to, (const float *)from + at, (size_t)count * sizeof *to);
        return;
    }
    const uint16_t *restrict stored = (const uint16_t *)from + at;
    if (kind == BF16)
        for (int i = 0; i < count; i++) to[i] = as_float((uint32_t)stored[i] << 16);
    else
        for (int i = 0; i < count; i++) to[i] = from_half(stored[i]);
}

INLINE void store_tile(void *to, const float *restrict from, enum kind kind, int64_t at, int count) {
    if (kind == F32) {
        memcpy((float *)to + at, from, (size_t)count * sizeof *from);
        return;
    }
    uint16_t *restrict stored = (uint16_t *)to + at;
    if (kind == BF16)
        for (int i = 0; i < count; i++) stored[i] = to_bfloat(from[i]);
    else
        for (int i = 0; i < count; i++) stored[i] = to_half(from[i]);
}

/* The trimmed, thinned tau_i; masks are multiplied with, so that NaN stays. */
INLINE void task_vector(float *restrict tau, const struct model *model, const float *restrict origin,
                        int64_t at, int count) {
    const float least = model->least, most = model->most;
    const int cut = model->cut;
    widen_tile(tau, model->values, model->kind, at, count);
    if (origin)
        for (int i = 0; i < count; i++) tau[i] -= origin[i];
    if (least > 0)
        for (int i = 0; i < count; i++) tau[i] *= fabsf(tau[i]) >= least ? 1.0f : 0.0f;
    if (most >= 0)
        for (int i = 0; i < count; i++) tau[i] -= tau[i] * (fabsf(tau[i]) >= most ? 1.0f : 0.0f);
    if (model->draws) {
        const int16_t *restrict draws = model->draws + at;
        for (int i = 0; i < count; i++) tau[i] *= draws[i] < cut ? 1.0f : 0.0f;
    }
}

/* Weigh one and add it to the total, which begins with the first. */
INLINE void add_weighted(float *restrict total, float *restrict tau, const struct model *model, int first,
                         int keep, int count) {
    const float factor = model->factor, weight = model->weight;
    if (keep) {
        for (int i = 0; i < count; i++) tau[i] = tau[i] * factor * weight;
        if (first)
            for (int i = 0; i < count; i++) total[i] = tau[i];
        else
            for (int i = 0; i < count; i++) total[i] += tau[i];
    } else if (first)
        for (int i = 0; i < count; i++) total[i] = tau[i] * factor * weight;
    else
        for (int i = 0; i < count; i++) total[i] += tau[i] * factor * weight;
}

/* Add what has the elected sign (TIES, sections 3.2 and 3.3), and the weight that it has in the mean. */
INLINE void add_agreeing(float *restrict total, float *restrict share, const float *restrict tau,
                         const float *restrict sign, float weight, int count) {
    for (int i = 0; i < count; i++) {
        const float part = tau[i] * sign[i];
        total[i] += part > 0 || part != part ? part : 0.0f;
        share[i] += part > 0 ? weight : 0.0f;
    }
}

INLINE void elect(float *restrict total, float tau[][TILE], const struct merge *merge, int count) {
    float share[TILE], sign[TILE];
    for (int i = 0; i < count; i++) {
        sign[i] = as_float((as_bits(total[i]) & 0x80000000) | 0x3f800000);
        total[i] = share[i] = 0;
    }
    /* Equal weights are counted and multiplied once, others added up. */
    for (int each = 0; each < merge->count; each++)
        add_agreeing(total, share, tau[each], sign, merge->alike ? 1.0f : merge->models[each].weight, count);
    if (merge->elect == MEAN) {
        const float one = merge->alike && merge->models[0].weight != 0 ? merge->models[0].weight : 1.0f;
        for (int i = 0; i < count; i++) total[i] /= (share[i] == 0 ? 1.0f : share[i]) * one;
    }
    for (int i = 0; i < count; i++) total[i] *= sign[i];
}

/* Merge so many values; returns whether all results are finite and fit the output. */
FOR_EVERY_PROCESSOR
int adamms_merge(const struct merge *merge, int64_t values) {
    float origin[TILE], total[TILE], tau[MODELS][TILE];
    const float divisor = merge->divisor, lambda = merge->lambda, largest = merge->largest;
    int outside = 0;
    for (int64_t at = 0; at < values; at += TILE) {
        const int count = values - at < TILE ? (int)(values - at) : TILE;
        if (merge->origin) widen_tile(origin, merge->origin, merge->origin_kind, at, count);
        for (int each = 0; each < merge->count; each++) {
            float *own = tau[merge->elect ? each : 0];
            task_vector(own, &merge->models[each], merge->origin ? origin : NULL, at, count);
            add_weighted(total, own, &merge->models[each], each == 0, merge->elect, count);
        }
        if (merge->elect) elect(total, tau, merge, count);
        if (divisor != 0)
            for (int i = 0; i < count; i++) total[i] /= divisor;
        if (merge->origin)
            for (int i = 0; i < count; i++) total[i] = total[i] * lambda + origin[i];
        for (int i = 0; i < count; i++) outside |= !(fabsf(total[i]) <= largest);
        store_tile(merge->out, total, merge->out_kind, at, count);
    }
    return !outside;
}

/* Stored values as float32. */
FOR_EVERY_PROCESSOR
void adamms_widen(float *to, const void *from, int32_t kind, int64_t values) {
    for (int64_t at = 0; at < values; at += TILE)
        widen_tile(to + at, from, kind, at, values - at < TILE ? (int)(values - at) : TILE);
}

/* Add to `counts` how many magnitudes are not less than `beyond`, how many are not zero, and how often each
 * value from `least` on and below `beyond` occurs: one bin for each value that a float32 can have. */
FOR_EVERY_PROCESSOR
void adamms_count(const struct model *model, const void *origin, int32_t origin_kind, int64_t values,
                  float least, float beyond, int64_t *counts) {
    float theta[TILE], tau[TILE];
    int64_t above = 0, nonzero = 0;
    for (int64_t at = 0; at < values; at += TILE) {
        const int count = values - at < TILE ? (int)(values - at) : TILE;
        uint8_t inside[TILE] = {0};
        int32_t more = 0, some = 0;
        if (origin) widen_tile(theta, origin, origin_kind, at, count);
        task_vector(tau, model, origin ? theta : NULL, at, count);
        for (int i = 0; i < count; i++) {
            const float magnitude = fabsf(tau[i]);
            more += magnitude >= beyond;
            some += magnitude > 0;
            inside[i] = (magnitude >= least) & (magnitude < beyond);
        }
        above += more;
        nonzero += some;
        /* Few are inside: eight are passed over at a time. */
        for (int i = 0; i < count; i += 8) {
            uint64_t eight;
            memcpy(&eight, inside + i, 8);
            for (int j = i; eight; j++, eight >>= 8)
                if (eight & 1) counts[2 + (as_bits(tau[j]) & 0x7fffffff) - as_bits(least)]++;
        }
    }
    counts[0] += above;
    counts[1] += nonzero;
}

/* Add to `counts` how often each value of a magnitude's upper 15 bits occurs. */
FOR_EVERY_PROCESSOR
void adamms_count_upper(const struct model *model, const void *origin, int32_t origin_kind, int64_t values,
                        int64_t *counts) {
    float theta[TILE], tau[TILE];
    for (int64_t at = 0; at < values; at += TILE) {
        const int count = values - at < TILE ? (int)(values - at) : TILE;
        if (origin) widen_tile(theta, origin, origin_kind, at, count);
        task_vector(tau, model, origin ? theta : NULL, at, count);
        for (int i = 0; i < count; i++) counts[as_bits(tau[i]) >> 16 & 0x7fff]++;
    }
}
