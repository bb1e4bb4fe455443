// What the tests here are made of: a table of cases, one of which a process runs, and `require`.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <source_location>
#include <span>
#include <string_view>

inline void require(bool condition, std::source_location here = std::source_location::current()) {
    if (!condition) {
        static_cast<void>(
            std::fprintf(stderr, "%s:%u: %s: not so\n", here.file_name(), here.line(), here.function_name()));
        std::_Exit(1);
    }
}

struct Case {
    std::string_view name;
    void (*run)();
};

/// For main: runs the case that the one argument names, after `prepare`.
inline int run_named(int argc, char** argv, std::span<const Case> cases, void (*prepare)()) {
    const std::string_view name = argc == 2 ? argv[1] : "";
    const auto chosen = std::ranges::find(cases, name, &Case::name);
    if (chosen == cases.end()) {
        static_cast<void>(std::fputs("usage: NAME, one of the table in the source\n", stderr));
        return 2;
    }
    prepare();
    chosen->run();
    return 0;
}
