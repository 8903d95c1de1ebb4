/** The pages of a made-up shop, most visited first. `medianMs` is how long the server takes for one. */
export interface Page {
  readonly path: string;
  readonly medianMs: number;
  readonly medianBytes: number;
}

const CATEGORIES = ['tea', 'coffee', 'cups', 'kettles', 'gifts'];
const page = (path: string, medianMs: number, medianBytes: number): Page => ({ path, medianMs, medianBytes });

export const PAGES: readonly Page[] = [
  page('/', 18, 14_000),
  page('/search', 85, 22_000),
  ...CATEGORIES.map((category) => page(`/shop/${category}`, 32, 26_000)),
  page('/cart', 41, 6_000),
  ...Array.from({ length: 40 }, (_, i) => page(`/product/${101 + i}`, 27, 19_000)),
  page('/checkout', 140, 7_000),
  page('/login', 95, 3_500),
  page('/api/stock', 9, 700),
  page('/api/recommend', 62, 2_600),
  page('/about', 7, 8_000),
  page('/terms', 6, 31_000),
];

/** Parts of the site that fail or slow down together, by the beginning of their paths. */
export const PARTS = ['/product', '/shop', '/checkout', '/search', '/api'] as const;

export const BROWSERS: readonly (readonly [agent: string, weight: number])[] = [
  [
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
    38,
  ],
  [
    'Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36',
    24,
  ],
  [
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1',
    20,
  ],
  [
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15',
    9,
  ],
  ['Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0', 9],
];

export const BOTS: readonly string[] = [
  'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)',
  'Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)',
  'curl/8.14.1',
];

export const REFERRERS: readonly (readonly [referrer: string, weight: number])[] = [
  ['-', 50],
  ['https://www.google.com/', 35],
  ['https://duckduckgo.com/', 6],
  ['https://news.example.org/best-teas', 6],
  ['https://mail.example.net/', 3],
];
