/* Doubles; compiled twice, for SSE2 and for the x87, with DOUBLES as the function's name.
 * Bodies that attract each other, and a Mandelbrot set: additions, products, quotients, square
 * roots, comparisons, conversions. */
#include "bench.h"
#include <string.h>

#define BODIES 5

struct body {
  double place[3], speed[3], mass;
};

static void advance(struct body *bodies, double dt) {
  for (int i = 0; i < BODIES; i++) {
    for (int j = i + 1; j < BODIES; j++) {
      double apart[3], square = 0.01;
      for (int k = 0; k < 3; k++) {
        apart[k] = bodies[i].place[k] - bodies[j].place[k];
        square += apart[k] * apart[k];
      }
      double pull = dt / (square * __builtin_sqrt(square));
      for (int k = 0; k < 3; k++) {
        bodies[i].speed[k] -= apart[k] * bodies[j].mass * pull;
        bodies[j].speed[k] += apart[k] * bodies[i].mass * pull;
      }
    }
  }
  for (int i = 0; i < BODIES; i++)
    for (int k = 0; k < 3; k++) bodies[i].place[k] += dt * bodies[i].speed[k];
}

/* Steps until the point leaves the circle of radius 2, at most 50. */
static int escape(double x, double y) {
  double a = 0, b = 0;
  int steps = 0;
  for (; steps < 50 && a * a + b * b < 4; steps++) {
    double next = a * a - b * b + x;
    b = 2 * a * b + y;
    a = next;
  }
  return steps;
}

uint32_t DOUBLES(uint32_t count) {
  struct body bodies[BODIES];
  uint32_t seed = 10, sum = 0;
  for (int i = 0; i < BODIES; i++) {
    for (int k = 0; k < 3; k++) {
      bodies[i].place[k] = (int32_t)next_random(&seed) / 4294967296.0 * 20;
      bodies[i].speed[k] = (int32_t)next_random(&seed) / 4294967296.0;
    }
    bodies[i].mass = i + 1;
  }
  while (count--) {
    for (int i = 0; i < 100; i++) advance(bodies, 0.001);
    for (int i = 0; i < 40; i++) sum = mix(sum, escape(i * 0.05 - 1.5, (count & 31) * 0.03));
    sum += (uint32_t)(int32_t)(bodies[0].place[0] * 1000);
  }
  return mix_bytes(sum, bodies, sizeof bodies);
}
