/**
 * `launch.py`: runs Patroni with six things mended, of which the first two would lose commits or hold them up for ever. Each looks first whether this Patroni
 * is one that needs it. Where Patroni belongs to another Python than the system's, it runs as it is.
 */
export const LAUNCHER = `# Runs Patroni: launch.py PATRONI ARGUMENTS...
import logging, os, re, runpy, sys, time

sys.argv = sys.argv[1:]
try:
    import patroni.ha, patroni.postgresql
    from patroni.dcs import slot_name_from_member_name
    from patroni.dcs.etcd3 import Etcd3, base64_encode
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

runpy.run_path(sys.argv[0], run_name="__main__")
`;
