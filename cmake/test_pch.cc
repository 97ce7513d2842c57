// What the precompiled header of the tests belongs to (library.cmake); built for nothing else.
int main() {}
