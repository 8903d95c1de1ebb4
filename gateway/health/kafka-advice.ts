/** What to do, by how the error of a client or a broker reads. The first that fits counts. */
const ADVICE: readonly (readonly [RegExp, string])[] = [
  [/not authorized|authorization failed/i, 'give this gateway’s user the rights: headwater topics apply'],
  [/does not host this topic|unknown topic/i, 'make the topics: headwater topics apply'],
  [
    /alert.*(certificate|unknown ca)|SSL alert number (42|43|44|45|46|48|116)/i,
    'the brokers do not accept this gateway’s certificate: renew kafka.certFile and kafka.keyFile',
  ],
  [/authentication failed|invalid credentials/i, 'check kafka.username and what stands in kafka.passwordFile'],
  [/issuer|self-signed|unable to verify/i, 'kafka.caFile is not the authority that signed the brokers’ certificates'],
  [/altname|does not match certificate/i, 'kafka.brokers must have the names that stand in the brokers’ certificates'],
  [
    /certificate (has expired|is not yet valid)/i,
    'the brokers’ certificates have expired, or this machine’s clock is wrong',
  ],
  [/ENOTFOUND|EAI_AGAIN|getaddrinfo/i, 'check the name server of this machine and kafka.brokers'],
  [
    /ECONN|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|timeout|closed connection|disconnected|longer than/i,
    'check the network and whether the brokers run; readings are kept meanwhile',
  ],
];

/** What to do about an error of the forwarder; undefined where nothing is known. */
export function kafkaAdvice(error: string): string | undefined {
  return ADVICE.find(([pattern]) => pattern.test(error))?.[1];
}
