/**
 * `launch.py`: runs Patroni with seven things mended, of which two lose commits and one holds them up for ever. Each looks first whether this Patroni
 * is one that needs it. Where Patroni belongs to another Python than the system's, it runs as it is.
 */
export const LAUNCHER = `# Runs Patroni: launch.py PATRONI ARGUMENTS...
import inspect, logging, os, re, runpy, sys, time

sys.argv = sys.argv[1:]
try:
    import patroni.ha, patroni.postgresql
    from patroni.dcs import AbstractDCS, slot_name_from_member_name
    from patroni.dcs.etcd3 import Etcd3, PatroniEtcd3Client, base64_encode
    from patroni.postgresql.config import ConfigHandler
    from patroni.postgresql.slots import SlotsHandler
    from patroni.postgresql.sync import SyncHandler
except ImportError:
    os.execv(sys.argv[0], sys.argv)


# 1. Patroni before 3.1 forgets, when it starts beside a PostgreSQL that runs, which standbys that one waits for. It then waits
# for none, or for any one, while the key in etcd still lets all of them lead: commits are lost in the next failover.
def names_in_force(handler):
    try:
        with open(handler._postgresql_conf) as file:
            found = re.findall(r"^synchronous_standby_names = '(.*)'$", file.read(), re.MULTILINE)
    except OSError:
        return None
    return found[-1].replace("''", "'") if found else None


if not hasattr(ConfigHandler, "load_current_server_parameters"):
    parameters = ConfigHandler.get_server_parameters

    def with_names(self, config):
        if self._synchronous_standby_names is None:
            self._synchronous_standby_names = names_in_force(self)
        return parameters(self, config)

    ConfigHandler.get_server_parameters = with_names

    # 2. It also looks only whether the key in etcd is right. A standby that goes while Patroni waits for it to become synchronous is
    # not in that key yet, and stays among those that commits wait for.
    current_state = SyncHandler.current_state

    def agreed(self, cluster, *args, **kwargs):
        picked, ready = current_state(self, cluster, *args, **kwargs)
        listed = [] if cluster.sync.is_empty else cluster.sync.members
        if set(picked) == set(listed) and set(picked) != set(self._ssn_data["members"]):
            strict = clock.ha.is_synchronous_mode_strict()
            self.set_synchronous_standby_names(picked or (["*"] if strict else []))
        return picked, ready

    SyncHandler.current_state = agreed


# 3. Where others may take the leader's place, Patroni sleeps two seconds. Here it sleeps until one of them did, at most as long.
class Clock:
    ha = None

    def __getattr__(self, name):
        return getattr(time, name)

    def sleep(self, seconds):
        end = time.time() + seconds
        while time.time() < end:
            time.sleep(min(seconds, 0.1))
            try:
                if seconds == 2 and not self.ha.dcs.get_cluster().is_unlocked():
                    return
            except Exception:
                pass


clock = Clock()
if hasattr(patroni.ha, "time"):
    start = patroni.ha.Ha.__init__

    def known(self, *args, **kwargs):
        clock.ha = self
        start(self, *args, **kwargs)

    patroni.ha.Ha.__init__ = known
    patroni.ha.time = clock

# 4. Patroni looks once a second whether PostgreSQL has ended, with nobody leading meanwhile.
if hasattr(patroni.postgresql, "STOP_POLLING_INTERVAL"):
    patroni.postgresql.STOP_POLLING_INTERVAL = 0.2


# 5. Patroni makes the slots of a new leader's standbys a loop after it promoted it, and no standby streams before that.
on_promote = SlotsHandler.on_promote


def with_slots(self):
    on_promote(self)
    try:
        own = self._postgresql.name
        names = [slot_name_from_member_name(one.name) for one in clock.ha.cluster.members if one.name != own]
        with self.get_local_connection_cursor(dbname="postgres") as cursor:
            for name in names:
                cursor.execute(
                    "SELECT pg_catalog.pg_create_physical_replication_slot(%s, true) WHERE NOT EXISTS"
                    " (SELECT FROM pg_catalog.pg_replication_slots WHERE slot_name = %s)",
                    (name, name),
                )
    except Exception:
        logging.getLogger("patroni").exception("The standbys' slots will be made later")


SlotsHandler.on_promote = with_slots


# 6. A Patroni that was killed and started again takes its leader's key over, under a lease of its own. When it then gives the key
# up, it may ask etcd to delete the key as it was before that, which etcd does not do. It goes on as the leader of a PostgreSQL
# that starts as a standby, and nobody leads for many seconds.
delete_leader = Etcd3._delete_leader


def surely(self, *args):
    if delete_leader(self, *args):
        return True
    key = base64_encode(self.leader_path)
    ours = {"target": "VALUE", "key": key, "value": base64_encode(self._name)}
    try:
        return self._client.txn(ours, {"request_delete_range": {"key": key}})
    except Exception:
        logging.getLogger("patroni").exception("The leader's key ends with its lease")
        return False


Etcd3._delete_leader = surely


# 7. A leader that stood still until its lease had ended and another member led takes the key from that one when it goes on: it
# writes it under a new lease, whoever has it by now. The other one has to follow, and what it had acknowledged is lost. The key
# may only be written as long as it is the one that this member has seen to be its own.
update_leader = Etcd3._update_leader
put = PatroniEtcd3Client.put

# Later ones tell it whose key it is, and look for themselves.
if list(inspect.signature(AbstractDCS.update_leader).parameters)[1] == "last_lsn":

    def renewed(self):
        self._client.renewal = renewal = {"leader": self.cluster and self.cluster.leader, "lost": False}
        try:
            return update_leader(self) and not renewal["lost"]
        finally:
            self._client.renewal = None

    def put_own(self, key, *args, **kwargs):
        renewal = getattr(self, "renewal", None)
        if renewal is None or key != self._etcd3.leader_path:
            return put(self, key, *args, **kwargs)
        leader = renewal["leader"]
        ours = bool(leader) and leader.name == self._etcd3._name
        done = ours and put(self, key, *args, mod_revision=leader.index, **kwargs)
        renewal["lost"] = not done
        return done

    Etcd3._update_leader = renewed
    PatroniEtcd3Client.put = put_own

runpy.run_path(sys.argv[0], run_name="__main__")
`;
