"""PPO on transformers' own training loop: a round of answers is written and graded, then learnt from several times.

The loop, its optimizer, schedule, checkpoints and random state are transformers'; a checkpoint has beside them the
value head, the weight of the distance to the reference, and the round under way, so that a run can be stopped at any
step. The formulas are in `ppo_math`.
"""

from __future__ import annotations

import copy
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Mapping, Sequence

import torch
from torch import Tensor
from torch.utils.data import DataLoader
from transformers import Trainer, TrainerCallback
from trl.models.utils import unwrap_model_for_generation
from trl.trainer.utils import entropy_from_logits, selective_log_softmax

from .ppo_answers import States, ValueHead, as_drawn, graded, logits_of, without_dropout, write_answers
from .ppo_config import PPOConfig
from .ppo_math import (
    KlControl,
    advantages_and_returns,
    kl_estimate,
    policy_losses,
    token_rewards,
    value_losses,
    whiten,
)
from .ppo_metrics import Metrics, of_answers, of_rewards
from .ppo_reference import Under, frozen_copy_of_adapter
from .ppo_round import Round, RoundSampler, answer_mask, drawn_order, load_state, save_state, state_file

__all__ = ["PPOConfig", "PPOTrainer"]


class PPOTrainer(Trainer):  # type: ignore[misc]
    """Takes what TRL's trainers take. Rows have `prompt` (text or messages) and the columns that rewards ask for.

    The value head reads the policy's own last state, and learns with it (Ziegler et al., 2019): no second network.
    Raises ValueError for what it can't do, before anything is trained.
    """

    def __init__(
        self,
        *,
        model: Any,
        args: PPOConfig,
        train_dataset: Any,
        eval_dataset: Any,
        processing_class: Any,
        peft_config: Any,
        callbacks: Sequence[TrainerCallback],
        reward_funcs: Sequence[Any],
        reward_processing_classes: Sequence[Any],
    ) -> None:
        adapted = hasattr(model, "peft_config")
        if peft_config is not None:
            from peft import get_peft_model

            model = get_peft_model(model, peft_config)
        self._reference: Any = None
        self._adapter: str | None = None  # what the reference is under the adapter: nothing, or a copy of its start
        if adapted:
            self._adapter = frozen_copy_of_adapter(model)
        elif peft_config is None and (args.kl_coef or args.adap_kl_ctrl):
            self._reference = copy.deepcopy(model).eval().requires_grad_(False)
        self._compares = peft_config is not None or adapted or self._reference is not None
        if processing_class.pad_token is None:
            processing_class.pad_token = processing_class.eos_token
        without_dropout(model)
        super().__init__(
            model=model,
            args=args,
            data_collator=list,
            train_dataset=train_dataset,
            eval_dataset=eval_dataset,
            processing_class=processing_class,
            callbacks=list(callbacks),
        )
        # transformers would leave the division by the passes of a step to a model that takes loss arguments.
        self.model_accepts_loss_kwargs = False
        if self.is_fsdp_enabled or self.is_deepspeed_enabled:
            raise ValueError("answers are written by a whole model: parallel.strategy must be ddp")
        if len(train_dataset) < self._round_rows:
            raise ValueError(
                f"a round takes {self._round_rows} prompts (per_device_train_batch_size × processes × "
                f"gradient_accumulation_steps × num_mini_batches), and there are {len(train_dataset)}"
            )
        device = self.accelerator.device
        self.value_head = ValueHead(model.get_output_embeddings().weight.shape[1]).to(device)
        self._states = States(model)
        self._functions = [_placed(function, device) for function in reward_funcs]
        self._names = [_name(function) for function in reward_funcs]
        self._reward_tokenizers = list(reward_processing_classes)
        weights = args.reward_weights or [1.0] * len(self._functions)
        self._weights = torch.tensor(weights, dtype=torch.float32, device=device)
        if self._reference is not None:
            self._reference.to(device)
        self._kl = KlControl(args.kl_coef, args.adap_kl_ctrl, args.target, args.horizon)
        self._writing = as_drawn(args, model, processing_class)
        self._ends = torch.tensor(self._writing.eos_token_id, device=device)
        self._round: Round | None = None
        self._passes = 0  # forward passes made over the round
        self._seen = 0  # answers written, by all processes
        self._metrics = Metrics(self.accelerator)
        self.control: Any  # transformers': what its callbacks decided
        self.add_callback(_HeadWithAll(self))

    # -- what transformers' loop asks for ------------------------------------------------------------------------

    def get_train_dataloader(self) -> Any:
        """Each batch is the prompts of a whole round for one process, once per forward pass over it."""
        args = self.args
        repeats = args.num_ppo_epochs * args.num_mini_batches * args.gradient_accumulation_steps
        sampler = RoundSampler(len(self.train_dataset), self._round_rows, repeats, args.data_seed or args.seed)
        rows = self._round_rows // args.world_size
        loader = DataLoader(self.train_dataset, rows, sampler=sampler, collate_fn=list, drop_last=True)
        return self.accelerator.prepare(loader)

    def create_optimizer(self, *args: Any, **kwargs: Any) -> Any:
        """transformers' own, for the value head as well."""
        optimizer = super().create_optimizer(*args, **kwargs)
        known = {id(one) for group in self.optimizer.param_groups for one in group["params"]}
        if id(self.value_head.weight) not in known:
            self.optimizer.add_param_group({"params": list(self.value_head.parameters()), "weight_decay": 0.0})
        return optimizer

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The loss of one forward pass over a part of the round; a new round is written where the last is done."""
        parts = self.args.gradient_accumulation_steps
        if self._round is None or self._passes == self._round.steps * parts:
            self._round, self._passes = self._written(inputs), 0
        step, part = divmod(self._passes, parts)
        self._passes += 1
        rows, tokens = self._round.rows(step, part, parts)
        # A mean over the tokens of the whole step: how it is cut into passes changes nothing.
        return self._loss(model, self._round.pick(rows.to(self.accelerator.device)), tokens / parts)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """With the means of what was measured since the last entry."""
        if "loss" in logs:
            seen = {"episode": self._seen, "num_tokens": self.state.num_input_tokens_seen}
            logs = {**logs, **self._metrics.taken(), **seen}
        super().log(logs, start_time)

    def evaluate(self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval") -> Any:
        """Answers to the rows that are kept apart, drawn by the seed alone: each time the same luck."""
        rows = self.eval_dataset if eval_dataset is None else eval_dataset
        loader = self.accelerator.prepare(DataLoader(rows, self.args.per_device_eval_batch_size, collate_fn=list))
        device = self.accelerator.device
        found = []
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            torch.manual_seed(self.args.seed + self.args.process_index)
            for batch in loader:
                answers, grades = self._answered(batch)
                lengths = answer_mask(answers.ids, self._ends).sum(1, keepdim=True)
                found.append(self.accelerator.gather_for_metrics(torch.cat([grades, lengths], 1)))
        table = torch.cat(found)
        measured = of_rewards(table[:, :-1], self._names, self._weights)
        measured["completions/mean_length"] = table[:, -1].mean()
        metrics = {f"{metric_key_prefix}_{name}": float(value) for name, value in measured.items()}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """The policy as every method saves it; in a checkpoint with what a resume needs beside it."""
        super().save_model(output_dir, _internal_call)
        if _internal_call and output_dir is not None:
            whole = self._round is None or self._passes == self._round.steps * self.args.gradient_accumulation_steps
            save_state(
                state_file(Path(output_dir), self.args.process_index),
                self.value_head,
                self._kl.weight,
                self._seen,
                None if whole else self._round,
                self._passes // self.args.gradient_accumulation_steps,
            )

    def train(self, resume_from_checkpoint: Any = None, *args: Any, **kwargs: Any) -> Any:
        """From the start, or from a checkpoint's folder."""
        if resume_from_checkpoint:
            file = state_file(Path(resume_from_checkpoint), self.args.process_index)
            self._kl.weight, self._seen, self._round, steps = load_state(file, self.value_head, self.accelerator.device)
            self._passes = steps * self.args.gradient_accumulation_steps
        return super().train(resume_from_checkpoint, *args, **kwargs)

    # -- a round -------------------------------------------------------------------------------------------------

    @property
    def _round_rows(self) -> int:
        args = self.args
        per_step = args.per_device_train_batch_size * args.world_size * args.gradient_accumulation_steps
        return int(per_step * args.num_mini_batches)

    def _answered(self, rows: Sequence[Mapping[str, Any]]) -> tuple[Any, Tensor]:
        """(answers, what each reward says of them)."""
        model = self.model_wrapped if self.model_wrapped is not None else self.model
        device, at_once = self.accelerator.device, self.args.local_rollout_forward_batch_size
        training = self.model.training
        with unwrap_model_for_generation(
            model, self.accelerator, gradient_checkpointing_kwargs=self.args.gradient_checkpointing_kwargs
        ) as writer:
            writer.eval()
            with self.accelerator.autocast():
                prompts = [row["prompt"] for row in rows]
                answers = write_answers(writer, self.processing_class, prompts, self._writing, device, at_once)
        self.model.train(training)
        return answers, graded(self._functions, self._reward_tokenizers, rows, answers, at_once)

    def _written(self, rows: Sequence[Mapping[str, Any]]) -> Round:
        with torch.no_grad():
            return self._graded_round(rows)

    def _graded_round(self, rows: Sequence[Mapping[str, Any]]) -> Round:
        args = self.args
        answers, grades = self._answered(rows)
        mask = answer_mask(answers.ids, self._ends)
        scores = (torch.nan_to_num(grades) * self._weights).sum(1)
        if args.missing_eos_penalty is not None:
            ended = torch.isin(answers.ids, self._ends).any(1)
            scores = scores - args.missing_eos_penalty * ~ended
        logprobs, values, reference = self._looked_at(answers, mask)
        kl = kl_estimate(logprobs, reference, args.kl_estimator) * mask
        rewards = token_rewards(scores, kl, mask, self._kl.weight)
        if args.whiten_rewards:
            rewards = whiten(rewards, mask, shift_mean=False, total=self._total)
        advantages, returns = advantages_and_returns(rewards, values, mask, args.gamma, args.lam)
        advantages = whiten(advantages, mask, total=self._total)
        self._seen += len(rows) * args.world_size
        self.state.num_input_tokens_seen += int(self._total((mask.sum() + answers.prompt_mask.sum()).float()))
        measured = of_rewards(grades, self._names, self._weights)
        measured |= of_answers(answers.ids, mask, self._ends)
        measured |= {
            "objective/kl": kl.sum(1).mean(),
            "objective/kl_coef": torch.tensor(self._kl.weight),
            "objective/entropy": (-logprobs * mask).sum(1).mean(),
            "objective/non_score_reward": (-self._kl.weight * kl).sum(1).mean(),
            "objective/scores": scores.mean(),
            "objective/rlhf_reward": (scores - self._kl.weight * kl.sum(1)).mean(),
        }
        self._metrics.add(measured)
        self._kl.update(float(self._total(kl.sum(1).mean())) / args.world_size, len(rows) * args.world_size)
        order = drawn_order(args.num_ppo_epochs, len(rows))
        tokens = mask.sum(1)[order.to(mask.device)].view(args.num_ppo_epochs, args.num_mini_batches, -1).sum(2)
        tokens = self._total(tokens.double()).cpu() / args.world_size
        return Round(
            answers.prompt_ids,
            answers.prompt_mask,
            answers.ids,
            mask,
            logprobs,
            values,
            advantages,
            returns,
            order,
            tokens,
        )

    def _looked_at(self, answers: Any, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(log-probabilities, values, the reference's log-probabilities) of each token, as before the round."""
        policy = self.accelerator.unwrap_model(self.model)
        training = policy.training
        policy.eval()
        found: list[tuple[Tensor, ...]] = []
        for start in range(0, len(answers.ids), self.args.local_rollout_forward_batch_size):
            part = slice(start, start + self.args.local_rollout_forward_batch_size)
            ids = torch.cat([answers.prompt_ids[part], answers.ids[part]], 1)
            seen = torch.cat([answers.prompt_mask[part], mask[part].long()], 1)
            new = answers.ids[part]
            with self.accelerator.autocast():
                logprobs = self._logprobs(logits_of(policy, ids, seen, new.shape[1]), new)
                values = self.value_head(self._states.take()[:, -new.shape[1] - 1 : -1])
                reference = logprobs
                if self._compares:
                    with self._as_reference(policy) as model:
                        reference = self._logprobs(logits_of(model, ids, seen, new.shape[1]), new)
            found.append((logprobs, values.float(), reference))
        policy.train(training)
        first, second, third = (torch.cat(parts) * mask for parts in zip(*found))
        return first, second, third

    def _as_reference(self, policy: Any) -> AbstractContextManager[Any]:
        if self._reference is not None:
            return nullcontext(self._reference)
        return Under(policy, self._adapter)

    def _logprobs(self, logits: Tensor, tokens: Tensor) -> Tensor:
        found: Tensor = selective_log_softmax(logits, tokens, temperature=self.args.temperature)
        return found.float()

    def _loss(self, model: Any, part: Round, tokens: float) -> Tensor:
        args = self.args
        ids = torch.cat([part.prompts, part.answers], 1)
        seen = torch.cat([part.prompt_mask, part.mask.long()], 1)
        length = part.answers.shape[1]
        logits = logits_of(model, ids, seen, length)
        values = self.value_head(self._states.take()[:, -length - 1 : -1])
        new = self._logprobs(logits, part.answers)
        policy, policy_cut = policy_losses(new, part.logprobs, part.advantages, args.cliprange)
        value, value_cut = value_losses(values, part.values, part.returns, args.cliprange_value)
        kept = part.mask.float()
        policy_loss, value_loss = (policy * kept).sum() / tokens, (value * kept).sum() / tokens
        with torch.no_grad():
            count = kept.sum()
            difference = (new - part.logprobs) * kept
            ratio = difference.exp()
            mean_ratio = (ratio * kept).sum() / count
            entropy = entropy_from_logits(logits.detach() / args.temperature)
            self._metrics.add(
                {
                    "policy/approxkl_avg": 0.5 * (difference**2).sum() / count,
                    "policy/clipfrac_avg": (policy_cut * kept).sum() / count,
                    "policy/entropy_avg": (entropy * kept).sum() / count,
                    "loss/policy_avg": policy_loss.detach(),
                    "loss/value_avg": value_loss.detach(),
                    "val/clipfrac_avg": (value_cut * kept).sum() / count,
                    "val/ratio": mean_ratio,
                    "val/ratio_var": ((ratio - mean_ratio) ** 2 * kept).sum() / count,
                }
            )
        return policy_loss + args.vf_coef * value_loss

    def _total(self, tensor: Tensor) -> Tensor:
        found: Tensor = self.accelerator.reduce(tensor, "sum")
        return found


class _HeadWithAll(TrainerCallback):  # type: ignore[misc]
    """The value head's gradient, which transformers' loop does not know: the mean over all processes, and clipped."""

    def __init__(self, trainer: PPOTrainer) -> None:
        self._trainer = trainer

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """After the loop has clipped the policy's."""
        head, accelerator = self._trainer.value_head, self._trainer.accelerator
        for parameter in head.parameters():
            if parameter.grad is not None:
                parameter.grad = accelerator.reduce(parameter.grad, "mean")
        if args.max_grad_norm:
            torch.nn.utils.clip_grad_norm_(head.parameters(), args.max_grad_norm)

    def on_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The loop sets the policy's gradient to nothing now, and only that."""
        self._trainer.value_head.zero_grad()


def _placed(function: Any, device: Any) -> Any:
    return function.to(device) if isinstance(function, torch.nn.Module) else function


def _name(function: Any) -> str:
    if isinstance(function, torch.nn.Module):
        return str(getattr(function, "config").name_or_path)  # noqa: B009
    return str(function.__name__)
