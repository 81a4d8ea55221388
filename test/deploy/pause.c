/* Holds a Pod's namespaces until it is told to end. */
#include <signal.h>
#include <unistd.h>

static void end(int number) {
    (void)number;
    _exit(0);
}

int main(void) {
    /* The first process of a namespace gets no signal that it does not ask for. */
    signal(SIGTERM, end);
    for (;;) pause();
}
