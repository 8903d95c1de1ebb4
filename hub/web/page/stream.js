// The server's events, and what to tell people about the connection.

const SILENT_MS = 6_000;
const RETRY_MS = 3_000;

/**
 * Follows `/events`. `onFrame` gets each frame, `onSnapshot` is called when everything shown must be loaded again, `onState` gets
 * `live`, `waiting` or `lost` with the time of the last frame (null before the first).
 */
export function follow({ onFrame, onSnapshot, onState }) {
  let heardAt = null;
  let source;

  function open() {
    source = new EventSource('/events');
    source.addEventListener('snapshot', onSnapshot);
    source.onmessage = (event) => {
      heardAt = Date.now();
      onState('live', heardAt);
      onFrame(JSON.parse(event.data));
    };
    source.onerror = () => {
      onState(heardAt === null ? 'waiting' : 'lost', heardAt);
      // A browser tries again by itself unless it was answered with an error.
      if (source.readyState === EventSource.CLOSED) setTimeout(open, RETRY_MS);
    };
  }

  setInterval(() => {
    if (heardAt !== null && Date.now() - heardAt > SILENT_MS) onState('lost', heardAt);
  }, 1_000);
  open();
}

export async function ask(path, query = {}) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value])
      if (one !== null && one !== undefined) parameters.append(name, one);
  }
  const response = await fetch(`/api/${path}${parameters.size ? `?${parameters}` : ''}`);
  const body = await response.json();
  if (!response.ok) throw new Error(body.error?.message ?? response.statusText);
  return body;
}

/** Has the hub do something. @throws with what it says against it */
export async function tell(path, body = {}) {
  const response = await fetch(`/api/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error?.message ?? response.statusText);
  return answer;
}

/**
 * Gives a function that asks for `load` to run: at once, then at most once in `gapMs`, never twice at a time, and not while the page is hidden.
 * A load that fails is left to the next event: the connection's state tells people.
 */
export function refresher(load, gapMs = 1_000) {
  let wanted = false;
  let busy = false;
  let last = 0;

  async function run() {
    if (busy || !wanted || document.hidden) return;
    const wait = last + gapMs - Date.now();
    busy = true;
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    wanted = false;
    last = Date.now();
    try {
      await load();
    } catch (error) {
      console.warn(error);
    }
    busy = false;
    run();
  }

  document.addEventListener('visibilitychange', run);
  return () => {
    wanted = true;
    run();
  };
}
