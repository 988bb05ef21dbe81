/** Where in a JSON text the value of a JSON pointer stands. */

/** The range of the value at `pointer`; of the deepest part that exists when the pointer leads further. */
export function pointerRange(text: string, pointer: string): { from: number; to: number } {
  const parts = pointer.split('/').slice(1).map((part) => part.replace(/~1/g, '/').replace(/~0/g, '~'));
  let at = 0;
  const space = () => {
    while (at < text.length && /\s/.test(text.charAt(at))) at += 1;
  };
  const string = (): string => {
    const from = at;
    at += 1;
    while (at < text.length && text.charAt(at) !== '"') at += text.charAt(at) === '\\' ? 2 : 1;
    at += 1;
    try {
      return JSON.parse(text.slice(from, at)) as string;
    } catch {
      return '';
    }
  };
  let best = { from: 0, to: Math.min(text.length, 1) };
  /** Reads one value; `depth` is the number of pointer parts matched so far, or -1 off the path. */
  const value = (depth: number): void => {
    space();
    const from = at;
    const first = text.charAt(at);
    if (first === '{' || first === '[') {
      const isObject = first === '{';
      at += 1;
      space();
      let index = 0;
      while (at < text.length && text.charAt(at) !== '}' && text.charAt(at) !== ']') {
        let name = String(index);
        if (isObject) {
          if (text.charAt(at) !== '"') break;
          name = string();
          space();
          at += 1;
        }
        const before = at;
        value(depth >= 0 && parts[depth] === name ? depth + 1 : -1);
        if (at === before) break;
        index += 1;
        space();
        if (text.charAt(at) === ',') at += 1;
        space();
      }
      at += 1;
    } else if (first === '"') {
      string();
    } else {
      while (at < text.length && !/[\s,\]}]/.test(text.charAt(at))) at += 1;
    }
    if (depth >= 0 && depth >= reached) {
      reached = depth;
      best = { from, to: Math.min(at, text.length, from + 2000) };
    }
  };
  let reached = 0;
  value(0);
  return best;
}
