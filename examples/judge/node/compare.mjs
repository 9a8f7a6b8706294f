// Outputs, token by token or byte by byte.
//
// 1. Bytes are held as Latin-1 strings: a character is a byte, and only ASCII letters have two cases.

const shownBytes = 40;
const number = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

const lower = (text) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

/** A token as it is printed. */
function shown(token) {
  if (token === undefined) return 'nothing';
  const text = token.slice(0, shownBytes).replace(/["\\\x00-\x1f\x7f-\xff]/g, (byte) =>
    `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return `"${text}"${token.length > shownBytes ? '...' : ''}`;
}

/** How outputs are compared, as a package's flags ask. */
export class Rules {
  constructor(flags) {
    this.caseSensitive = flags.includes('case_sensitive');
    this.spaceSensitive = flags.includes('space_change_sensitive');
    flags.forEach((flag, at) => {
      if (!number.test(flags[at + 1] ?? '')) return;
      const tolerance = Number(flags[at + 1]);
      if (flag === 'float_tolerance' || flag === 'float_absolute_tolerance') this.absolute = tolerance;
      if (flag === 'float_tolerance' || flag === 'float_relative_tolerance') this.relative = tolerance;
    });
  }

  /** How the two differ; undefined where they agree. */
  difference(expected, got) {
    const [wanted, given] = [expected, got].map((bytes) => {
      const text = Buffer.from(bytes).toString('latin1');
      return this.caseSensitive ? text : lower(text);
    });
    if (this.spaceSensitive) {
      if (wanted === given) return undefined;
      let at = 0;
      while (wanted[at] === given[at]) at += 1;
      return `at byte ${at + 1}`;
    }
    const [wantedTokens, givenTokens] = [expected, got].map((bytes) =>
      Buffer.from(bytes).toString('latin1').split(/[ \t\n\v\f\r]+/).filter(Boolean));
    for (let at = 0; at < Math.max(wantedTokens.length, givenTokens.length); at += 1) {
      if (!this.same(wantedTokens[at], givenTokens[at])) {
        return `token ${at + 1}: expected ${shown(wantedTokens[at])}, got ${shown(givenTokens[at])}`;
      }
    }
    return undefined;
  }

  same(expected, got) {
    if (expected === undefined || got === undefined) return false;
    if (expected === got || (!this.caseSensitive && lower(expected) === lower(got))) return true;
    if (!number.test(expected) || !number.test(got)) return false;
    const [wanted, given] = [Number(expected), Number(got)];
    const distance = Math.abs(wanted - given);
    return distance <= this.absolute || distance <= this.relative * Math.abs(wanted);
  }
}
