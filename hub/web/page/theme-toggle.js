// The theme: as the system has it, or as chosen here and kept. Charts are told by the event `themechange`, because a canvas knows no CSS.

const NEXT = { auto: 'light', light: 'dark', dark: 'auto' };
const root = document.documentElement;
const probe = document.createElement('i');
probe.hidden = true;
document.body.append(probe);

/** The colour a CSS variable has now. */
export function themeColour(variable) {
  probe.style.color = `var(${variable})`;
  return getComputedStyle(probe).color;
}

export function startTheme(button) {
  const show = () => {
    button.textContent = `Theme: ${root.dataset.theme}`;
  };
  const tell = () => dispatchEvent(new Event('themechange'));
  button.addEventListener('click', () => {
    root.dataset.theme = NEXT[root.dataset.theme] ?? 'auto';
    localStorage.setItem('headwater.theme', root.dataset.theme);
    show();
    tell();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', tell);
  show();
}
