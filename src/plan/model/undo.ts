import type { Step } from "../step.ts";
import { applyStep } from "./apply.ts";
import { leadersOf, withoutDatabase } from "./clusters.ts";
import type { Model } from "./model.ts";
import { need } from "./need.ts";
import { minus, with_ } from "./sets.ts";

/** The model after a step was undone. */
export function undoStep(model: Model, step: Step): Model {
  switch (step.name) {
    case "open-socket":
      return applyStep(model, { ...step, name: "close-socket" });
    case "close-socket":
      return applyStep(model, { ...step, name: "open-socket" });
    case "start-etcd":
      return applyStep(model, { ...step, name: "stop-etcd" });
    case "stop-etcd":
      return applyStep(model, { ...step, name: "start-etcd" });
    case "add-etcd":
      return applyStep(model, { ...step, name: "remove-etcd" });
    case "remove-etcd":
      return applyStep(model, { ...step, name: "add-etcd" });
    case "add-standby": {
      // It is asked to let another one lead first, where it is the primary.
      const leads = with_(model.leads, step.cluster, minus(leadersOf(model, step.cluster), step.instance));
      return applyStep({ ...model, leads }, { ...step, name: "remove-standby" });
    }
    case "remove-standby":
      return applyStep(model, { ...step, name: "add-standby" });
    case "change-replication":
    case "publish-standbys":
      return applyStep(model, { ...step, from: step.replication, replication: step.from });
    case "start-database":
      return applyStep(model, { ...step, name: "stop-database" });
    case "stop-database":
      return applyStep(model, { ...step, name: "start-database" });
    case "change-database":
      return applyStep(model, { ...step, from: step.settings, settings: step.from });
    case "make-cluster":
      need(model.serving !== step.instance, "another cluster to serve");
      return withoutDatabase(model, step.instance);
    case "copy-schema":
      return { ...model, following: minus(model.following, step.id) };
    case "cut-over":
      return applyStep(model, { ...step, forward: !step.forward });
    case "start-instance":
      return applyStep(model, { ...step, name: "stop-instance" });
    case "stop-instance":
      return applyStep(model, { ...step, name: "start-instance" });
    case "start-balancer":
      return applyStep(model, { ...step, name: "stop-balancer" });
    case "stop-balancer":
      return applyStep(model, { ...step, name: "start-balancer" });
    case "enter-balancer":
      return applyStep(model, { ...step, name: "leave-balancer" });
    case "leave-balancer":
      return applyStep(model, { ...step, name: "enter-balancer" });
    case "write-secrets":
    case "publish-endpoints":
    case "make-release":
    case "inspect-release":
    case "init-database":
    case "prepare-database":
    case "migrate":
    case "check-move":
    case "copy-rows":
    case "finish-copy":
    case "verify-copy":
    case "change-balancer":
    case "lead":
      return model;
    case "drop-copy":
    case "destroy-data":
      throw new Error("removed data cannot be brought back");
  }
}
