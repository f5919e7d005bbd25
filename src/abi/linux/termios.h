/* SPDX-License-Identifier: Apache-2.0 */
/* Terminals as the x86-64 guest sees them: termios(3), ioctl_tty(2), TIOCPKT of ioctl_tty(2). */
#pragma once

#include <stdint.h>

#define LX_NCCS 19

struct lx_termios {
    uint32_t iflag, oflag, cflag, lflag;
    uint8_t line;
    uint8_t cc[LX_NCCS];
};
_Static_assert(sizeof(struct lx_termios) == 36, "struct termios");

/* TCGETS2 and its like: with the speeds as numbers. */
struct lx_termios2 {
    uint32_t iflag, oflag, cflag, lflag;
    uint8_t line;
    uint8_t cc[LX_NCCS];
    uint32_t ispeed, ospeed;
};
_Static_assert(sizeof(struct lx_termios2) == 44, "struct termios2");

/* TCGETA and its like: the old form. */
#define LX_NCC 8
struct lx_termio {
    uint16_t iflag, oflag, cflag, lflag;
    uint8_t line;
    uint8_t cc[LX_NCC];
    uint8_t pad;
};
_Static_assert(sizeof(struct lx_termio) == 18, "struct termio");

struct lx_winsize {
    uint16_t row, col, xpixel, ypixel;
};

enum { /* cc */
       LX_VINTR,
       LX_VQUIT,
       LX_VERASE,
       LX_VKILL,
       LX_VEOF,
       LX_VTIME,
       LX_VMIN,
       LX_VSWTC,
       LX_VSTART,
       LX_VSTOP,
       LX_VSUSP,
       LX_VEOL,
       LX_VREPRINT,
       LX_VDISCARD,
       LX_VWERASE,
       LX_VLNEXT,
       LX_VEOL2,
};

enum { /* iflag */
       LX_IGNBRK = 0001,
       LX_BRKINT = 0002,
       LX_IGNPAR = 0004,
       LX_PARMRK = 0010,
       LX_INPCK = 0020,
       LX_ISTRIP = 0040,
       LX_INLCR = 0100,
       LX_IGNCR = 0200,
       LX_ICRNL = 0400,
       LX_IUCLC = 01000,
       LX_IXON = 02000,
       LX_IXANY = 04000,
       LX_IXOFF = 010000,
       LX_IMAXBEL = 020000,
       LX_IUTF8 = 040000,
};

enum { /* oflag */
       LX_OPOST = 0001,
       LX_OLCUC = 0002,
       LX_ONLCR = 0004,
       LX_OCRNL = 0010,
       LX_ONOCR = 0020,
       LX_ONLRET = 0040,
       LX_TABDLY = 014000,
       LX_XTABS = 014000,
};

enum { /* cflag */
       LX_CBAUD = 0010017,
       LX_CBAUDEX = 0010000,
       LX_BOTHER = 0010000,
       LX_B38400 = 0000017,
       LX_CSIZE = 0000060,
       LX_CS8 = 0000060,
       LX_CREAD = 0000200,
       LX_PARENB = 0000400,
       LX_IBSHIFT = 16,
};

enum { /* lflag */
       LX_ISIG = 0001,
       LX_ICANON = 0002,
       LX_ECHO = 0010,
       LX_ECHOE = 0020,
       LX_ECHOK = 0040,
       LX_ECHONL = 0100,
       LX_NOFLSH = 0200,
       LX_TOSTOP = 0400,
       LX_ECHOCTL = 01000,
       LX_ECHOPRT = 02000,
       LX_ECHOKE = 04000,
       LX_IEXTEN = 0100000,
       LX_EXTPROC = 0200000,
};

enum { /* status byte of packet mode */
       LX_TIOCPKT_DATA = 0,
       LX_TIOCPKT_FLUSHREAD = 1,
       LX_TIOCPKT_FLUSHWRITE = 2,
       LX_TIOCPKT_STOP = 4,
       LX_TIOCPKT_START = 8,
       LX_TIOCPKT_NOSTOP = 16,
       LX_TIOCPKT_DOSTOP = 32,
       LX_TIOCPKT_IOCTL = 64,
};

enum { LX_TCOOFF, LX_TCOON, LX_TCIOFF, LX_TCION }; /* TCXONC */
enum { LX_TCIFLUSH, LX_TCOFLUSH, LX_TCIOFLUSH };   /* TCFLSH */

enum { /* requests */
       LX_TCGETS = 0x5401,
       LX_TCSETS = 0x5402,
       LX_TCSETSW = 0x5403,
       LX_TCSETSF = 0x5404,
       LX_TCGETA = 0x5405,
       LX_TCSETA = 0x5406,
       LX_TCSETAW = 0x5407,
       LX_TCSETAF = 0x5408,
       LX_TCSBRK = 0x5409,
       LX_TCXONC = 0x540a,
       LX_TCFLSH = 0x540b,
       LX_TIOCEXCL = 0x540c,
       LX_TIOCNXCL = 0x540d,
       LX_TIOCSCTTY = 0x540e,
       LX_TIOCGPGRP = 0x540f,
       LX_TIOCSPGRP = 0x5410,
       LX_TIOCOUTQ = 0x5411,
       LX_TIOCSTI = 0x5412,
       LX_TIOCGWINSZ = 0x5413,
       LX_TIOCSWINSZ = 0x5414,
       LX_TIOCPKT = 0x5420,
       LX_TIOCNOTTY = 0x5422,
       LX_TIOCSETD = 0x5423,
       LX_TIOCGETD = 0x5424,
       LX_TCSBRKP = 0x5425,
       LX_TIOCSBRK = 0x5427,
       LX_TIOCCBRK = 0x5428,
       LX_TIOCGSID = 0x5429,
       LX_TIOCVHANGUP = 0x5437,
       LX_TIOCGLCKTRMIOS = 0x5456,
       LX_TIOCSLCKTRMIOS = 0x5457,
};
#define LX_TCGETS2     0x802c542au
#define LX_TCSETS2     0x402c542bu
#define LX_TCSETSW2    0x402c542cu
#define LX_TCSETSF2    0x402c542du
#define LX_TIOCGPTN    0x80045430u
#define LX_TIOCSPTLCK  0x40045431u
#define LX_TIOCGDEV    0x80045432u
#define LX_TIOCSIG     0x40045436u
#define LX_TIOCGPKT    0x80045438u
#define LX_TIOCGPTLCK  0x80045439u
#define LX_TIOCGEXCL   0x80045440u
#define LX_TIOCGPTPEER 0x5441u
