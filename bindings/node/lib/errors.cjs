'use strict';
// What a failing call throws.

/** `code` is the name of the status in stratum.h, `errno` the system's error number, 0 for none. */
class StratumError extends Error {
  constructor(code, message = '', errno = 0) {
    super(message === '' ? code : message);
    this.code = code;
    this.errno = errno;
  }
}
Object.defineProperty(StratumError.prototype, 'name', { value: 'StratumError', configurable: true, writable: true });

/** A mistake that is found before the library is called. */
function invalid(message) {
  return new StratumError('STRATUM_INVALID_ARGUMENT', message);
}

module.exports = { StratumError, invalid };
