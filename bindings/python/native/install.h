/* What the cffi module calls. */
#ifndef STRATUM_INSTALL_H
#define STRATUM_INSTALL_H

/* Makes the module stratum._codec; -1 where that failed, which was printed. */
int codec_install(void);

#endif
