#version 330

uniform vec3 eye;
uniform float time, aspect;

#if defined VERTEX_SHADER

in vec3 in_position;
out vec3 place;

void main() {
    place = in_position;
    vec3 back = normalize(eye), right = normalize(cross(vec3(0.0, 1.0, 0.0), back));
    vec3 seen = (place - eye) * mat3(right, cross(back, right), back);
    const float NEAR = 1.0, FAR = 20.0, ZOOM = 2.7;
    float depth = ((FAR + NEAR) * seen.z + 2.0 * FAR * NEAR) / (NEAR - FAR);
    gl_Position = vec4(ZOOM * seen.x / aspect, ZOOM * seen.y, depth, -seen.z);
}

#elif defined FRAGMENT_SHADER

const vec3 SUN = normalize(vec3(-0.9, 0.34, 0.28));

in vec3 place;
out vec4 color;

// How dense the ring is at a distance from the middle.
float ring(float r) {
    float fine = 0.55 + 0.25 * sin(61.0 * r) + 0.2 * sin(137.0 * r) * sin(23.0 * r);
    float gap = smoothstep(0.015, 0.04, abs(r - 1.98));
    return fine * gap * smoothstep(1.3, 1.45, r) * smoothstep(2.34, 2.26, r);
}

vec4 ring_at(float r) {
    float along = dot(place, SUN);
    float planet = along < 0.0 ? smoothstep(0.97, 1.03, length(place - along * SUN)) : 1.0;
    vec3 tint = mix(vec3(0.95, 0.80, 0.62), vec3(0.50, 0.58, 0.78), smoothstep(1.5, 2.2, r));
    return vec4(tint * (0.03 + 0.97 * planet), ring(r));
}

vec4 planet_at(vec3 normal) {
    float spin = atan(normal.z, normal.x) + 0.25 * time, y = normal.y;
    float belt = 9.0 * y + 0.28 * sin(3.0 * spin + 7.0 * y) + 0.14 * sin(8.0 * spin - 19.0 * y + 0.7 * time);
    belt += 0.07 * sin(17.0 * spin + 31.0 * y);
    vec3 tint = mix(vec3(0.78, 0.40, 0.22), vec3(0.94, 0.80, 0.60), 0.5 + 0.5 * sin(belt));
    tint = mix(tint, vec3(0.42, 0.27, 0.32), 0.5 * smoothstep(0.3, 1.0, sin(2.3 * belt + 1.0)));
    tint = mix(tint, vec3(0.32, 0.42, 0.62), 0.8 * smoothstep(0.5, 0.98, abs(y)));

    float day = smoothstep(-0.12, 1.0, dot(normal, SUN));
    vec3 crossing = place - SUN * (place.y / SUN.y);  // of the ring, by the ray that comes here from the sun
    if (place.y < 0.0) day *= 1.0 - 0.85 * ring(length(crossing));
    float rim = pow(1.0 - max(dot(normal, normalize(eye - place)), 0.0), 3.0);
    return vec4(pow(tint * day, vec3(0.8)) + day * rim * vec3(0.3, 0.4, 0.6), 1.0);
}

void main() {
    float r = length(place);
    if (r < 0.995) discard;
    color = r > 1.0005 ? ring_at(r) : planet_at(place / r);
}

#endif
