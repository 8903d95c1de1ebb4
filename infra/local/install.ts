/** The commands that install a tool. */
export interface Install {
  readonly debian: string;
  readonly macos: string;
}

const packages = (debian: string, macos: string): Install => ({
  debian: `sudo apt install ${debian}`,
  macos: `brew install ${macos}`,
});

export const INSTALL = {
  node: packages('nodejs npm', 'node'),
  java: packages('openjdk-17-jre-headless', 'openjdk@17'),
  maven: packages('maven', 'maven'),
  chromium: packages('chromium', '--cask chromium'),
  socat: packages('socat', 'socat'),
  go: packages('golang-go', 'go'),
  rust: packages('cargo rustc', 'rust'),
  cc: { debian: 'sudo apt install gcc', macos: 'xcode-select --install' },
  avr: packages('gcc-avr avr-libc', 'osx-cross/avr/avr-gcc'),
} satisfies Record<string, Install>;

export const installText = ({ debian, macos }: Install): string => `Debian: ${debian}; macOS: ${macos}`;
