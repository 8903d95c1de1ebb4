/** Whether `name` is what the pattern says; `*` stands for any text, also none. Takes at most as many steps as both lengths multiplied. */
export function matchesGlob(pattern: string, name: string): boolean {
  let [at, in_] = [0, 0];
  let star = -1;
  let resume = 0;
  while (at < name.length) {
    if (pattern[in_] === '*') {
      star = in_++;
      resume = at;
    } else if (pattern[in_] === name[at]) {
      in_++;
      at++;
    } else if (star !== -1) {
      // The star takes one character more, and the rest is tried again.
      in_ = star + 1;
      at = ++resume;
    } else return false;
  }
  while (pattern[in_] === '*') in_++;
  return in_ === pattern.length;
}
