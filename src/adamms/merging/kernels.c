/* The arithmetic of merging in one pass: what the methods' pure functions say, in the same order and with the
 * same bits, for values as they are stored. `cpu_kernel.py` says what each argument is; `tests/merging/
 * test_cpu_kernel.py` holds the two against each other.
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

/* A tensor may begin at any byte of its file. */
typedef float stored_float __attribute__((aligned(1), may_alias));
typedef uint16_t stored_half __attribute__((aligned(1), may_alias));

enum { TILE = 512, MODELS = 16 };
enum { BF16, F16, F32 };
enum { NO_CONSENSUS, MEAN, SUM };

struct model {
    const void *values;
    const int16_t *draws; /* NULL: nothing is dropped */
    int32_t dtype;
    int32_t draw_below;
    float min_magnitude; /* 0: the small ones stay */
    float max_magnitude; /* negative: the large ones stay */
    float rescale;
    float weight;
};

struct merge {
    const struct model *models;
    const void *pretrained; /* NULL: the models themselves are added up */
    void *out;
    int32_t count;
    int32_t pretrained_dtype;
    int32_t out_dtype;
    int32_t sign_consensus;
    int32_t equal_weights; /* all weights are the same */
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

/* The dtype is a constant wherever these are used, so the choice costs nothing. */
INLINE float value_at(const void *from, int kind, int64_t at) {
    if (kind == F32) return ((const stored_float *)from)[at];
    const uint16_t stored = ((const stored_half *)from)[at];
    return kind == BF16 ? as_float((uint32_t)stored << 16) : from_half(stored);
}

INLINE void store_at(void *to, int kind, int64_t at, float value) {
    if (kind == F32)
        ((stored_float *)to)[at] = value;
    else
        ((stored_half *)to)[at] = kind == BF16 ? to_bfloat(value) : to_half(value);
}

#define WITH_KIND(kind, statement)                                                                          \
    switch (kind) {                                                                                         \
    case BF16: { enum { KIND = BF16 }; statement; } break;                                                  \
    case F16: { enum { KIND = F16 }; statement; } break;                                                    \
    default: { enum { KIND = F32 }; statement; } break;                                                     \
    }

INLINE void widen_tile(float *restrict to, const void *restrict from, int kind, int64_t at, int count) {
    WITH_KIND(kind, for (int i = 0; i < count; i++) to[i] = value_at(from, KIND, at + i))
}

/* The trimmed, thinned tau_i; masks are multiplied with, so that NaN stays. */
INLINE void task_vector(float *restrict tau, const struct model *model, const float *restrict origin,
                        int64_t at, int count) {
    const float least = model->min_magnitude, most = model->max_magnitude;
    const int cut = model->draw_below;
    widen_tile(tau, model->values, model->dtype, at, count);
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

/* A model of which nothing is dropped: weighed and added to the total, which begins with the first, in one loop. */
INLINE void add_whole(float *restrict total, const struct model *model, const float *restrict origin, int first,
                      int64_t at, int count) {
    const float factor = model->rescale, weight = model->weight;
    const void *restrict values = model->values;
#define TERM(theta_0) ((value_at(values, KIND, at + i) - (theta_0)) * factor * weight)
#define ADD(theta_0)                                                                                        \
    if (first)                                                                                              \
        for (int i = 0; i < count; i++) total[i] = TERM(theta_0);                                           \
    else                                                                                                    \
        for (int i = 0; i < count; i++) total[i] += TERM(theta_0);
    if (origin)
        WITH_KIND(model->dtype, ADD(origin[i]))
    else
        WITH_KIND(model->dtype, ADD(0.0f))
#undef ADD
#undef TERM
}

/* The same for a task vector; it keeps its weight, for the election. */
INLINE void add_weighted(float *restrict total, float *restrict tau, const struct model *model, int first,
                         int count) {
    const float factor = model->rescale, weight = model->weight;
    for (int i = 0; i < count; i++) {
        tau[i] = tau[i] * factor * weight;
        total[i] = first ? tau[i] : total[i] + tau[i];
    }
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
        add_agreeing(total, share, tau[each], sign, merge->equal_weights ? 1.0f : merge->models[each].weight, count);
    if (merge->sign_consensus == MEAN) {
        const float one = merge->equal_weights && merge->models[0].weight != 0 ? merge->models[0].weight : 1.0f;
        for (int i = 0; i < count; i++) total[i] /= (share[i] == 0 ? 1.0f : share[i]) * one;
    }
    for (int i = 0; i < count; i++) total[i] *= sign[i];
}

/* Back to the ancestor, rounded once; returns whether anything is not finite or does not fit. */
INLINE int finish(const struct merge *merge, float *restrict total, const float *restrict origin, int64_t at,
                  int count) {
    const float divisor = merge->divisor, lambda = merge->lambda, largest = merge->largest;
    void *restrict out = merge->out;
    int outside = 0;
    if (divisor != 0)
        for (int i = 0; i < count; i++) total[i] /= divisor;
    if (merge->pretrained)
        for (int i = 0; i < count; i++) total[i] = total[i] * lambda + origin[i];
    WITH_KIND(merge->out_dtype, for (int i = 0; i < count; i++) {
        outside |= !(fabsf(total[i]) <= largest);
        store_at(out, KIND, at + i, total[i]);
    })
    return outside;
}

/* Merge so many values; returns whether all results are finite and fit the output. */
FOR_EVERY_PROCESSOR
int adamms_merge(const struct merge *merge, int64_t values) {
    float theta[TILE], total[TILE], tau[MODELS][TILE];
    const float *origin = merge->pretrained ? theta : NULL;
    int outside = 0;
    for (int64_t at = 0; at < values; at += TILE) {
        const int count = values - at < TILE ? (int)(values - at) : TILE;
        if (origin) widen_tile(theta, merge->pretrained, merge->pretrained_dtype, at, count);
        for (int each = 0; each < merge->count; each++) {
            const struct model *model = &merge->models[each];
            if (merge->sign_consensus == NO_CONSENSUS && model->min_magnitude <= 0 && model->max_magnitude < 0 && !model->draws) {
                add_whole(total, model, origin, each == 0, at, count);
                continue;
            }
            float *own = tau[merge->sign_consensus ? each : 0];
            task_vector(own, model, origin, at, count);
            add_weighted(total, own, model, each == 0, count);
        }
        if (merge->sign_consensus) elect(total, tau, merge, count);
        outside |= finish(merge, total, theta, at, count);
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
