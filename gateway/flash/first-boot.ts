/** What a card is told beyond the gateway itself. */
export interface MachineSettings {
  readonly hostname?: string;
  readonly wifi?: WifiSettings;
}

export interface WifiSettings {
  /** At most 32 bytes. */
  readonly ssid: string;
  /** 8 to 63 characters of ASCII, or the key itself: 64 hexadecimal digits. */
  readonly password: string;
  /** By its code of two capitals. */
  readonly country: string;
}

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/**
 * The script that a Raspberry Pi runs once, as root, at its first boot: it installs the package, moves the configuration and its secrets to the root
 * file system, where only the gateway reads them, and wipes them from the boot partition, which any computer reads. Where a step fails, the files
 * stay, the log lies beside them, and the next boot is an ordinary one.
 */
export function firstBootScript({ hostname, wifi }: MachineSettings): string {
  return `#!/bin/sh
# In braces, so that it has been read whole before it wipes itself.
{
set -eu
here=$(cd "$(dirname "$0")" && pwd)
boot=$(dirname "$here")
log=/var/log/headwater-first-boot.log
exec >>"$log" 2>&1
trap '[ $? = 0 ] || cp "$log" "$boot/headwater-first-boot.log"' EXIT
if [ -f "$boot/cmdline.txt" ]; then sed -i '${FORGET}' "$boot/cmdline.txt"; fi
${hostname === undefined ? '' : setHostname(hostname)}${wifi === undefined ? '' : setWifi(wifi)}
install -d -m 0750 /etc/headwater
cp -R "$here/config/." /etc/headwater/
DEBIAN_FRONTEND=noninteractive dpkg --install --force-confold "$here/gateway.deb"
chown -R headwater:headwater /etc/headwater
find /etc/headwater -type d -exec chmod 0750 {} +
find /etc/headwater -type f -exec chmod 0600 {} +
sync

find "$here" -type f ! -name gateway.deb -exec shred -u {} +
rm -rf "$here"
sync
systemctl --no-block restart headwater-gateway.service
exit
}
`;
}

/** Words of the kernel's command line that run the script in place of an ordinary boot, and the sed script that takes them away again. */
export const RUN_WORDS = (script: string): string =>
  ` systemd.run=${script} systemd.run_success_action=reboot systemd.run_failure_action=reboot systemd.unit=kernel-command-line.target`;
const FORGET = 's/ systemd\\.run[^ ]*//g; s/ systemd\\.unit=kernel-command-line\\.target//g';

function setHostname(name: string): string {
  return `
old=$(cat "/etc/hostname")
printf '%s\\n' ${quote(name)} >"/etc/hostname"
sed -i "s/127\\.0\\.1\\.1.*$old/127.0.1.1\\t${name}/" "/etc/hosts" || true
hostname ${quote(name)} || true
`;
}

const NM_STATE = '/var/lib/NetworkManager/NetworkManager.state';

/** Raspberry Pi OS is connected by NetworkManager since Debian 12. */
function setWifi(wifi: WifiSettings): string {
  return `
connections="/etc/NetworkManager/system-connections"
install -d -m 0755 "$connections"
(umask 077 && printf '%s' ${quote(wifiProfile(wifi))} >"$connections/headwater.nmconnection")
# What cannot be done about the radio is no reason to go without a gateway, which may have a cable: a first boot finds no Wi-Fi device yet, or none at all.
if command -v raspi-config >/dev/null; then raspi-config nonint do_wifi_country ${quote(wifi.country)} || true; fi
# Before the ordinary boot NetworkManager is not there yet, and reads all of this when it starts. cloud-init comes after it. Images have Wi-Fi
# switched off until a country is known.
if systemctl --quiet is-active NetworkManager; then
  nmcli connection reload || true
  nmcli radio wifi on || true
elif [ -f "${NM_STATE}" ]; then
  sed -i 's/^WirelessEnabled=false/WirelessEnabled=true/' "${NM_STATE}"
fi
`;
}

/** A profile in NetworkManager's format, nm-settings-keyfile(5). */
export function wifiProfile({ ssid, password }: WifiSettings): string {
  // In a name NetworkManager reads `\;` as `;`, and numbers with `;` after each as bytes; these mean the same whatever they are.
  const name = ssid.includes(';') ? Buffer.from(ssid).join(';').concat(';') : keyFileText(ssid);
  return `[connection]
id=headwater
type=wifi
[wifi]
mode=infrastructure
ssid=${name}
[wifi-security]
key-mgmt=wpa-psk
psk=${keyFileText(password)}
[ipv4]
method=auto
[ipv6]
method=auto
`;
}

/** GLib, which reads the file, takes a backslash for the beginning of an escape, and leaves out blanks at the beginning. */
const keyFileText = (text: string): string =>
  text.replaceAll('\\', '\\\\').replaceAll(' ', '\\s').replaceAll('\t', '\\t');
